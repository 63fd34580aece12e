/** A run under several seeds, race by race: one pure reducer, which knows no engine. */
import type { RunConfig } from "../train/run.ts";
import type { Field, LaneFacts, RunRecord, SeedResult, SweepPoint, Tested } from "./record.ts";

export interface Study {
  /** All lanes; its seed is the first. */
  readonly config: RunConfig;
  readonly seeds: readonly number[];
  readonly sweep: SweepPoint | null;
  /** In the order in which they ended. */
  readonly results: readonly SeedResult[];
  /** The images that all results were measured on. */
  readonly tested: Tested | null;
  /** By lane, once a race had it. */
  readonly facts: readonly (LaneFacts | null)[];
  /** Step at which a lane diverged under the seed that is racing. */
  readonly out: ReadonlyMap<number, number>;
  /** Ended by the person. */
  readonly stopped: boolean;
}

export type StudyAction =
  /** A lane of the race that is on, by its place in the study. */
  | { readonly type: "diverged"; readonly lane: number; readonly step: number }
  | {
      readonly type: "ended";
      readonly result: SeedResult;
      readonly tested: Tested | null;
      readonly facts: readonly (LaneFacts | null)[];
    };

/** The largest seed; a study that would go past it goes on from 0. */
const SEEDS = 2 ** 32;

export function seedsFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => (first + i) % SEEDS);
}

export function studyOf(config: RunConfig, seeds: readonly number[], sweep: SweepPoint | null = null): Study {
  return {
    config: { ...config, seed: seeds[0] ?? config.seed },
    seeds,
    sweep,
    results: [],
    tested: null,
    facts: config.lanes.map(() => null),
    out: new Map(),
    stopped: false,
  };
}

/** A study that goes on where a kept run ends: what came to its end is not raced again. */
export function studyFrom(study: Study, { results, tested, lanes }: Pick<RunRecord, "results" | "tested" | "lanes">): Study {
  const whole = results.filter(({ seed, stopped }) => !stopped && study.seeds.includes(seed));
  return whole.length > 0 ? { ...study, results: whole, tested, facts: lanes } : study;
}

export function reduceStudy(study: Study, action: StudyAction): Study {
  switch (action.type) {
    case "diverged": {
      const out = new Map(study.out).set(action.lane, action.step);
      if (out.size < study.config.lanes.length) return { ...study, out };
      // Nobody is left to race under this seed.
      const seed = nextSeed(study) ?? study.config.seed;
      const lanes = study.config.lanes.map((_, lane) => ({ diverged: out.get(lane) ?? 0 }));
      const result: SeedResult = { seed, step: action.step, stopped: false, lanes, points: [], validations: [] };
      return { ...study, out: new Map(), results: [...study.results, result] };
    }
    case "ended":
      return {
        ...study,
        out: new Map(),
        results: [...study.results, action.result],
        // A stopped race may have measured other images than those that came to their end.
        tested: study.tested ?? action.tested,
        facts: study.facts.map((known, lane) => known ?? action.facts[lane] ?? null),
        stopped: study.stopped || action.result.stopped,
      };
  }
}

/** The seed that races or has still to; undefined when the study is over. */
export function nextSeed({ seeds, results, stopped }: Study): number | undefined {
  if (stopped) return undefined;
  return seeds.find((seed) => !results.some((result) => result.seed === seed));
}

/** The race that is on, or the next one: without the lanes that have diverged under its seed. */
export function nextRace(study: Study): { readonly config: RunConfig; readonly field: Field } | undefined {
  const seed = nextSeed(study);
  if (seed === undefined) return undefined;
  const field = fieldOf(study);
  const lanes = field.present.flatMap((lane) => study.config.lanes[lane] ?? []);
  return { config: { ...study.config, seed, lanes }, field };
}

export function fieldOf({ config, out }: Pick<Study, "config" | "out">): Field {
  const present = [...config.lanes.keys()].filter((lane) => !out.has(lane));
  return { lanes: config.lanes.length, present, out };
}

/** "seed 3 of 3": which race of a run the engine has, and with it every answer that it gives; null where there is but one. */
export function placeOf({ seeds }: Pick<Study, "seeds">, seed: number): string | null {
  const at = seeds.indexOf(seed);
  return seeds.length > 1 && at >= 0 ? `seed ${at + 1} of ${seeds.length}` : null;
}

/** Results that count: those that came to their end; where there is none, what was stopped. */
export function counted({ results }: Pick<Study, "results">): readonly SeedResult[] {
  const whole = results.filter(({ stopped }) => !stopped);
  return whole.length > 0 ? whole : results;
}

/** Steps of all races of some studies, and how many of them are made, `step` of them in the race that is on. */
export function progressOf(studies: readonly Study[], step: number): { readonly made: number; readonly all: number } {
  let [made, all] = [step, 0];
  for (const { config, seeds, results } of studies) {
    all += seeds.length * config.steps;
    made += results.length * config.steps;
  }
  return { made: Math.min(made, all), all };
}

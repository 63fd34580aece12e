/** A sweep as a plan: its races, those that are kept already, how long the others take, and its points. */
import type { Dataset } from "../data/dataset.ts";
import type { RunConfig } from "../train/run.ts";
import { digestOf, keyOf, type RunRecord } from "./record.ts";
import { type LaneSummary, openRun, type RunSummary } from "./runs.ts";
import { startStudies } from "./studies.ts";
import { type Study, studyFrom } from "./study.ts";
import { type Sweep, studiesOf } from "./sweep.ts";

export interface SweepPlan {
  readonly studies: readonly Study[];
  /** By study, the run that is kept of it. */
  readonly kept: readonly (RunSummary | undefined)[];
  readonly races: number;
  /** Races that are still to run. */
  readonly left: number;
  /** Of these, all steps of all lanes; null where no such lane was timed yet. */
  readonly seconds: number | null;
}

/** `digest`: of the images; without them, of the newest run that has a value of the sweep. */
export function planSweep(sweep: Sweep, config: RunConfig, seeds: number, runs: readonly RunSummary[], digest: string | null): SweepPlan {
  const studies = studiesOf(sweep, config, seeds);
  const match = (study: Study): RunSummary | undefined => {
    if (digest !== null) return runs.find(({ key }) => key === keyOf(study.config, digest));
    const open = keyOf(study.config, "").slice(0, -2);
    return runs.find(({ key }) => key.startsWith(open));
  };
  const kept = studies.map(match);
  const missing = studies.map((study, index) => study.seeds.filter((seed) => !kept[index]?.seeds.includes(seed)).length);
  const times = studies.flatMap((study, index) =>
    missing[index] === 0
      ? []
      : study.config.lanes.map(({ method }) => (missing[index] ?? 0) * study.config.steps * msOf(method, config, runs)),
  );
  const all = times.reduce((sum, time) => sum + time, 0) / 1000;
  return {
    studies,
    kept,
    races: studies.reduce((sum, study) => sum + study.seeds.length, 0),
    left: missing.reduce((sum, count) => sum + count, 0),
    seconds: Number.isFinite(all) ? all : null,
  };
}

/** Of a step, as kept runs on the same model and batch had it: of the method, else of any; NaN where none was timed. */
function msOf(method: string, { model, batch }: RunConfig, runs: readonly RunSummary[]): number {
  const lanes = runs.filter((run) => run.model === model && run.batch === batch).flatMap((run) => run.lanes);
  const timed = lanes.filter(({ msPerStep }) => msPerStep !== null);
  const own = timed.filter(({ config }) => config.method === method);
  return (own[0] ?? timed[0])?.msPerStep ?? Number.NaN;
}

let digested: { readonly of: Dataset; readonly digest: Promise<string> } | undefined;

export function digestOnce(dataset: Dataset): Promise<string> {
  if (digested?.of !== dataset) digested = { of: dataset, digest: digestOf(dataset) };
  return digested.digest;
}

/** Starts the sweep, or goes on with it: what is kept is not raced again. */
export async function startSweep({ studies, kept }: SweepPlan, dataset: Dataset): Promise<void> {
  const records = new Map<number, RunRecord>();
  for (const [index, summary] of kept.entries()) {
    const record = summary && (await openRun(summary.id));
    if (record) records.set(index, record);
  }
  const plan = studies.map((study, index) => {
    const record = records.get(index);
    return record ? studyFrom(study, record) : study;
  });
  startStudies(plan, dataset, { kept: records });
}

export interface SweepDot {
  readonly value: string;
  readonly parameters: number;
  readonly judged: NonNullable<LaneSummary["judged"]>;
}

export interface SweepLine {
  readonly method: string;
  readonly dots: readonly SweepDot[];
}

/** What is there of a plan, a line for each lane of the setup, in the order of its values. */
export function linesOf({ studies, kept }: Pick<SweepPlan, "studies" | "kept">): readonly SweepLine[] {
  const lines = new Map<string, SweepDot[]>();
  studies.forEach((study, index) => {
    const seen = new Map<string, number>();
    study.config.lanes.forEach(({ method }, lane) => {
      const twin = (seen.get(method) ?? 0) + 1;
      seen.set(method, twin);
      const summary = kept[index]?.lanes[lane];
      if (!summary?.judged) return;
      const id = twin > 1 ? `${method} ${twin}` : method;
      const dot = { value: study.sweep?.value ?? "", parameters: summary.parameters, judged: summary.judged };
      lines.set(id, [...(lines.get(id) ?? []), dot]);
    });
  });
  return Array.from(lines, ([id, dots]) => ({ method: id, dots }));
}

/** A sweep as a plan: its races, those that are kept already, how long the others take, and its points. */
import { holm, LEVEL } from "../analysis/compare.ts";
import { deliberate } from "../analysis/jury.ts";
import type { Dataset } from "../data/dataset.ts";
import type { RunConfig } from "../train/run.ts";
import { digestOf, keyOf, type RunRecord, type Tested } from "./record.ts";
import { type LaneSummary, openRun, type RunSummary } from "./runs.ts";
import { startStudies } from "./studies.ts";
import { counted, type Study, studyFrom } from "./study.ts";
import { type Sweep, studiesOf } from "./sweep.ts";
import { measuredOver } from "./verdict.ts";

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
  /** The kept run, and the lane in it. */
  readonly run: string;
  readonly lane: number;
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
      const run = kept[index]?.id ?? "";
      const dot = { run, lane, value: study.sweep?.value ?? "", parameters: summary.parameters, judged: summary.judged };
      lines.set(id, [...(lines.get(id) ?? []), dot]);
    });
  });
  return Array.from(lines, ([id, dots]) => ({ method: id, dots }));
}

export interface SweepVerdict {
  /** The most accurate point of all, and the line that it is on. */
  readonly method: string;
  readonly value: string;
  /** Points that were measured on the same images, and those of them that it is ahead of by more than chance gives. */
  readonly others: number;
  readonly ahead: number;
  readonly part: Tested["part"];
  readonly images: number;
  readonly seeds: number;
}

/** How sure it is which point is the best: it is compared with every other one, p corrected for all of them. Null with fewer than two. */
export async function judgeSweep(lines: readonly SweepLine[], records: ReadonlyMap<string, RunRecord>): Promise<SweepVerdict | null> {
  const points = lines.flatMap(({ method, dots }) => dots.map((dot) => ({ method, ...dot })));
  const [best, ...rest] = points.toSorted((a, b) => b.judged.accuracy - a.judged.accuracy);
  if (!best) return null;
  const own = records.get(best.run);
  const mine = own && measured(own, best.lane);
  if (!own?.tested || !mine) return null;
  const images = imagesOf(own);
  const values: number[] = [];
  for (const { run, lane } of rest) {
    const record = records.get(run);
    const theirs = record && imagesOf(record) === images && measured(record, lane);
    if (!theirs) continue;
    const shared = [...mine.keys()].filter((seed) => theirs.has(seed));
    const hits = [mine, theirs].map((of) => shared.map((seed) => of.get(seed) ?? null));
    const { pairs } = await deliberate({ labels: own.tested.labels, lanes: hits });
    if (pairs[0]) values.push(pairs[0].compared.p);
  }
  if (values.length === 0) return null;
  const ahead = holm(values).filter((p) => p < LEVEL).length;
  const { part, labels } = own.tested;
  return { method: best.method, value: best.value, others: values.length, ahead, part, images: labels.length, seeds: mine.size };
}

/** The kept runs that its points come from, by id. */
export async function recordsOf(lines: readonly SweepLine[]): Promise<ReadonlyMap<string, RunRecord>> {
  const ids = new Set(lines.flatMap(({ dots }) => dots.map(({ run }) => run)));
  const records = await Promise.all(Array.from(ids, openRun));
  return new Map(records.flatMap((record) => (record ? [[record.id, record] as const] : [])));
}

/** What a lane got right, by seed. */
function measured(record: RunRecord, lane: number): ReadonlyMap<number, Uint8Array> | undefined {
  const results = counted(record);
  const hits = measuredOver(record.tested, results)?.lanes[lane];
  return hits && new Map(results.flatMap(({ seed }, index) => (hits[index] ? [[seed, hits[index]] as const] : [])));
}

/** Equal where the same images were measured, in the same order. */
const imagesOf = ({ tested }: RunRecord): string => JSON.stringify([tested?.part, Array.from(tested?.labels ?? []), tested?.sources]);

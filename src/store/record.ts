/** What is kept of a run: what was asked for, on which images and device, and what came out under each seed. Plain data. */
import type { Dataset, Split } from "../data/dataset.ts";
import type { Answers, LaneScore, LayerRank, Memory, RunConfig } from "../train/run.ts";
import type { LaneRun, RunState, Validation } from "./run.ts";
import type { CurvePoint } from "./series.ts";

export const FORMAT = "fullrank-run";
export const VERSION = 1;

/** One lane under one seed. */
export interface LaneResult {
  readonly msPerStep: number | null;
  /** The last measurement, on the images of `RunRecord.tested`; null where there was none. */
  readonly score: LaneScore | null;
  /** Of the update at the end; empty where no matrix changes. */
  readonly layers: readonly LayerRank[];
  /** SHA-256 of its trainables; empty where the run was stopped before it was taken. */
  readonly fingerprint: string;
}

/** One race under one seed. */
export interface SeedResult {
  readonly seed: number;
  /** Steps that were made. */
  readonly step: number;
  readonly stopped: boolean;
  /** By lane of the run; where a lane diverged, the step at which it did. */
  readonly lanes: readonly (LaneResult | { readonly diverged: number })[];
  /** Thinned to what a chart draws; spikes are kept. Values are by lane. */
  readonly points: readonly CurvePoint[];
  /** Scores are by lane, null where the lane has none. */
  readonly validations: readonly Measurement[];
  /** Accuracy on the images of `RunRecord.tested` before training, where it is known. */
  readonly before?: number;
}

export interface Measurement {
  readonly step: number;
  readonly images: number;
  readonly lanes: readonly (Validation["lanes"][number] | null)[];
}

/** What a lane costs: the same under every seed. */
export interface LaneFacts {
  readonly parameters: number;
  readonly way: string;
  readonly exported: LaneRun["exported"];
  readonly memory: Memory["lanes"][number] | null;
}

/** The images that were measured last, in the order of the answers. */
export interface Tested {
  readonly part: "test" | "validation";
  readonly labels: Uint32Array;
  readonly sources: readonly string[];
  /** SHA-256 of each file in hex; empty where the data has none. */
  readonly digests: readonly string[];
}

export interface DataSummary {
  readonly name: string;
  readonly classes: readonly string[];
  /** Images of each class in each part under the first seed. */
  readonly counts: readonly { readonly train: number; readonly validation: number; readonly test: number }[];
  /** SHA-256 over all images and their classes, in hex: two sets with the same one are the same. */
  readonly digest: string;
}

/** A setting that was swept, and where this run stands in it. */
export interface SweepPoint {
  /** "rank", "alpha", "lr", "targets" */
  readonly setting: string;
  readonly value: string;
}

export interface RunRecord {
  readonly format: typeof FORMAT;
  readonly version: typeof VERSION;
  readonly id: string;
  readonly name: string;
  /** When it began: ISO 8601. */
  readonly date: string;
  readonly pinned: boolean;
  /** Its seed is the first of `seeds`. */
  readonly config: RunConfig;
  /** That were asked for; `results` has those that are there. */
  readonly seeds: readonly number[];
  readonly sweep: SweepPoint | null;
  /** Hash of the address that sets it up again. */
  readonly address: string;
  readonly data: DataSummary;
  readonly device: { readonly gpu: string; readonly software: boolean; readonly browser: string };
  readonly memory: { readonly weights: number; readonly activations: number } | null;
  readonly lanes: readonly LaneFacts[];
  readonly tested: Tested | null;
  readonly results: readonly SeedResult[];
}

export const hasDiverged = (lane: SeedResult["lanes"][number] | undefined): lane is { readonly diverged: number } =>
  lane !== undefined && "diverged" in lane;

/** `present`: the lanes of the run that raced, in the order in which they did; `out`: where the others diverged, by lane. */
export interface Field {
  readonly lanes: number;
  readonly present: readonly number[];
  readonly out: ReadonlyMap<number, number>;
}

/** What a race that has ended leaves, its lanes put where they stand in the run. */
export function resultOf(race: RunState, points: readonly CurvePoint[], { lanes, present, out }: Field): SeedResult {
  const place = <T, N>(values: readonly T[], none: N): (T | N)[] =>
    Array.from({ length: lanes }, (_, lane) => values[present.indexOf(lane)] ?? none);
  const ended = race.lanes.map((lane, index) => laneResult(lane, race.answers?.lanes[index], race.fingerprints[index]));
  return {
    seed: race.config?.seed ?? 0,
    step: race.step,
    stopped: race.stopped,
    lanes: place(ended, null).map((lane, index) => lane ?? { diverged: out.get(index) ?? 0 }),
    points: points.map(({ step, raw, smooth }) => ({ step, raw: place(raw, null), smooth: place(smooth, null) })),
    validations: race.validations.map(({ step, images, lanes: scores }) => ({ step, images, lanes: place(scores, null) })),
    ...(race.before !== null && { before: race.before }),
  };
}

function laneResult({ msPerStep, rank }: LaneRun, score: LaneScore | undefined, fingerprint: string | undefined): LaneResult {
  return { msPerStep, score: score ?? null, layers: rank?.layers ?? [], fingerprint: fingerprint ?? "" };
}

export function factsOf(race: RunState, { lanes, present }: Pick<Field, "lanes" | "present">): (LaneFacts | null)[] {
  return Array.from({ length: lanes }, (_, index) => {
    const at = present.indexOf(index);
    const lane = race.lanes[at];
    return lane ? { parameters: lane.parameters, way: lane.way, exported: lane.exported, memory: race.memory?.lanes[at] ?? null } : null;
  });
}

export function testedOf({ answers, split, dataset }: Pick<RunState, "answers" | "split" | "dataset">): Tested | null {
  if (!answers || !split || !dataset) return null;
  const images = Array.from(split[answers.part]);
  return {
    part: answers.part,
    labels: Uint32Array.from(images, (image) => dataset.labels[image] ?? 0),
    sources: images.map((image) => dataset.sources[image] ?? ""),
    digests: dataset.digests ? images.map((image) => dataset.digests?.[image] ?? "") : [],
  };
}

/** One byte for each image: 1 where the answer was the image's class. */
export function hitsIn({ predicted }: Answers, { labels }: Pick<Tested, "labels">): Uint8Array {
  return Uint8Array.from(predicted, (label, i) => Number(label === labels[i]));
}

export async function summarize(dataset: Dataset, split: Split): Promise<DataSummary> {
  const counts = dataset.classes.map(() => ({ train: 0, validation: 0, test: 0 }));
  for (const part of ["train", "validation", "test"] as const) {
    for (const image of split[part]) {
      const count = counts[dataset.labels[image] ?? -1];
      if (count) count[part]++;
    }
  }
  return { name: dataset.name, classes: dataset.classes, counts, digest: await digestOf(dataset) };
}

/** Of the set as it is, in whatever order its images came. */
export async function digestOf({ labels, classes, sources, digests }: Dataset): Promise<string> {
  const lines = Array.from(labels, (label, i) => JSON.stringify([digests?.[i] ?? sources[i] ?? "", classes[label]])).sort();
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(lines.join("\n")));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Two runs with the same one differ in nothing but their seeds. */
export function keyOf(config: RunConfig, digest: string): string {
  const { seed: _, ...rest } = config;
  return JSON.stringify([rest, digest]);
}

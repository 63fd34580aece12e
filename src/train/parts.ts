/** What a race consists of on the GPU: lanes, batches, and its steps, evaluations and ΔW, recorded and compiled. */
import type { Dataset, Preprocess, Split } from "../data/dataset.ts";
import { storage, upload, write } from "../gpu/memory.ts";
import type { Site } from "../models/model.ts";
import { Arena, type Plan } from "../tensor/plan.ts";
import { tensor } from "../tensor/tensor.ts";
import { tune } from "../tensor/tuning.ts";
import type { Adopted } from "./adopt.ts";
import type { Backbone } from "./backbone.ts";
import { classWeights } from "./balance.ts";
import { targetSites, trainsTexts } from "./catalog.ts";
import { type Head, headOf, headValues } from "./head.ts";
import { Lane } from "./lane.ts";
import { adamwOf } from "./optimizer.ts";
import { ownTensors } from "./outline.ts";
import { Batch, type Evaluation, type Input, keepResults, recordDelta, recordEvaluation, recordStep, unit } from "./record.ts";
import type { LaneConfig, RunConfig } from "./run.ts";

export interface RaceSetup {
  readonly backbone: Backbone;
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly split: Split;
  readonly preprocess: Preprocess;
  /** What the lanes begin with that continue an imported adapter. */
  readonly imported?: ReadonlyMap<LaneConfig, Adopted>;
  readonly onStatus: (text: string, progress?: number) => void;
}

export interface Parts {
  readonly lanes: readonly Lane[];
  readonly head: Head;
  readonly sites: readonly Site[];
  /** Per lane, the layers whose weights it changes. */
  readonly changed: readonly (readonly Site[])[];
  readonly arena: Arena;
  readonly trainBatch: Batch;
  readonly testBatch: Batch;
  /** One per lane, then the model before training where its head is frozen. */
  readonly evaluations: readonly Evaluation[];
  /** Of the steps, the evaluations, and ΔW of each changed layer. */
  readonly plans: readonly Plan[];
  readonly copies: readonly GPUBuffer[];
  readonly one: GPUBuffer;
  readonly weights: GPUBuffer | undefined;
  readonly zeros: GPUBuffer;
  readonly delta: GPUBuffer;
}

/** Loads, tunes, records and compiles. Throws when the GPU's memory does not suffice, naming what to make smaller. */
export async function openParts({ backbone, config, dataset, split, preprocess, imported, onStatus }: RaceSetup): Promise<Parts> {
  const { gpu, kernels, model } = backbone;
  onStatus("Embedding the class names");
  const texts =
    trainsTexts(config.targets) || [...(imported?.values() ?? [])].some(({ sites }) => sites.some(({ tower }) => tower === "text"));
  const head = await headOf(backbone, config.head, dataset.classes, texts);
  onStatus("Drawing the random bases");
  const sites = targetSites(backbone.sites, config.targets);
  const own = ownTensors(backbone, config.targets, config.head.kind);
  const values = headValues(head, model.image.width, config.seed);
  const lanes: Lane[] = [];
  for (const lane of config.lanes) {
    const { sites: adapted = sites, seed = config.seed, given, config: adopted } = imported?.get(lane) ?? {};
    const start = { sites: adapted, seed, config: { ...lane, ...adopted }, ...(given && { given }) };
    lanes.push(await Lane.open(gpu, kernels, { ...start, own, head: values }));
  }
  const trainBatch = new Batch(backbone, config.batch, config.augment);
  const testBatch = new Batch(backbone, Math.max(1, Math.min(config.batch, Math.max(split.validation.length, split.test.length))));
  write(gpu, trainBatch.count.buffer as GPUBuffer, 0, new Uint32Array([config.batch]));
  const weights = config.balance ? upload(gpu, classWeights(dataset, split.train), "class weights") : undefined;
  const input = (batch: Batch): Input => ({
    backbone,
    batch,
    head,
    mean: preprocess.mean,
    std: preprocess.std,
    weights: weights && tensor([dataset.classes.length], { buffer: weights }),
  });
  const one = unit(backbone);
  const before = head.kind === "linear" ? [] : [undefined];
  const copies = lanes.map(({ trainables }) => storage(gpu, trainables.weight.size, "trainables, copied"));
  const changed = lanes.map((lane) => backbone.sites.filter((site) => lane.changes(site)));
  const largest = Math.max(0, ...changed.flat().map((site) => 4 * site.in * site.out));
  const [zeros, delta] = [storage(gpu, largest, "zeros"), storage(gpu, largest, "ΔW")];
  const record = () => {
    const steps = lanes.map((lane) => recordStep(input(trainBatch), lane, one, config.labelSmoothing, adamwOf(config)));
    const evaluations = [...lanes, ...before].map((lane) => recordEvaluation(input(testBatch), lane));
    const deltas = lanes.flatMap((lane, l) =>
      (changed[l] as Site[]).map((site) => recordDelta(backbone, lane, site, copies[l] as GPUBuffer, zeros, delta)),
    );
    return { evaluations, tapes: [...steps, ...evaluations.map(({ tape }) => tape), ...deltas] };
  };
  // A first recording tells what there is to tune; no variant changes once the plans are made, or a run would not repeat.
  const draft = record();
  const tuned = await tune(gpu, kernels, draft.tapes, { onProgress: (share) => onStatus("Tuning kernels to this GPU", share) });
  const { evaluations, tapes } = tuned ? record() : draft;
  for (const evaluation of evaluations) keepResults(backbone, evaluation);
  const arena = new Arena(gpu, kernels);
  const plans = await arena.plan(tapes, (done, all) => onStatus("Compiling kernels", done / all));
  return {
    head,
    lanes,
    sites,
    changed,
    arena,
    trainBatch,
    testBatch,
    evaluations,
    plans,
    copies,
    one: one.buffer as GPUBuffer,
    weights,
    zeros,
    delta,
  };
}

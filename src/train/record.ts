/** Recordings of what a race does again and again: a training step, an evaluation, and ΔW. */
import { storage, upload } from "../gpu/memory.ts";
import type { Pass, Site } from "../models/model.ts";
import { crossentropy } from "../ops/crossentropy.ts";
import { normalize } from "../ops/normalize.ts";
import { Tape } from "../tensor/tape.ts";
import { byteLength, type Tensor, tensor } from "../tensor/tensor.ts";
import { choicesOf } from "../tensor/variant.ts";
import { type Augment, isAugmented, NO_AUGMENT } from "./augment.ts";
import type { Backbone } from "./backbone.ts";
import { frozenPass } from "./frozen.ts";
import { classify, type Head } from "./head.ts";
import type { Lane } from "./lane.ts";
import type { AdamW } from "./optimizer.ts";
import { Views } from "./views.ts";
import type { Way } from "./way.ts";

/** Images on their way in: bytes, labels, and how many of them count. All lanes read the same one. */
export class Batch {
  readonly size: number;
  /** Packed bytes, (size, side, side, 3). */
  readonly pixels: Tensor;
  readonly labels: Tensor;
  /** (1) The rows after these are padding. */
  readonly count: Tensor;
  /** How its images are seen, where not as they are. */
  readonly views: Views | undefined;
  /** Where the next batch is put together on the CPU; a step allocates nothing. Rows of padding keep what they held. */
  readonly staging: { readonly pixels: Uint8Array; readonly labels: Uint32Array };

  constructor({ gpu, model }: Backbone, size: number, augment: Augment = NO_AUGMENT) {
    const bytes = size * 3 * model.image.size ** 2;
    const integers = (n: number, label: string) => tensor([n], { type: "u32", label, buffer: storage(gpu, 4 * n, label) });
    this.size = size;
    this.pixels = integers(Math.ceil(bytes / 4), "pixels");
    this.labels = integers(size, "labels");
    this.count = integers(1, "count");
    this.views = isAugmented(augment) ? new Views(gpu, augment, size, model.image.size) : undefined;
    this.staging = { pixels: new Uint8Array(bytes), labels: new Uint32Array(size) };
  }

  destroy(): void {
    for (const { buffer } of [this.pixels, this.labels, this.count]) buffer?.destroy();
    this.views?.destroy();
  }
}

export interface Input {
  readonly backbone: Backbone;
  readonly batch: Batch;
  readonly head: Head;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** (classes) What a class counts in the loss of a step, where not all count 1. */
  readonly weights?: Tensor | undefined;
}

/** The model as the lane, or who has none, sees it, and the batch as its input (B, 3, size, size). */
export function inputs({ backbone, batch, mean, std }: Omit<Input, "head">, pass: Pass, lane: Lane | undefined) {
  const { model } = backbone.through(lane?.own ?? new Map());
  const as = { size: model.image.size, mean, std };
  return { model, pixels: batch.views?.apply(pass.tape, batch.pixels, as) ?? pass.tape.apply(normalize, { pixels: batch.pixels }, as) };
}

function logits(input: Input, pass: Pass, lane: Lane | undefined): Tensor {
  const { model, pixels } = inputs(input, pass, lane);
  return classify(pass, model, pixels, input.head, (name) => {
    if (!lane) throw new Error("A linear head belongs to a lane");
    return lane.tensor(name);
  });
}

/** Forward, backward and AdamW of one lane. `one` (1) holds 1, the gradient of the loss. `way` overrules the choice by cost. */
export function recordStep(input: Input, lane: Lane, one: Tensor, smoothing: number, adamw: AdamW, way?: Way): Tape {
  const { gpu } = input.backbone;
  const tape = new Tape(gpu.software, choicesOf(gpu));
  const pass = lane.pass(tape, true, way);
  const { labels, count } = input.batch;
  recordLoss(tape, lane, logits(input, pass, lane), { labels, count, weights: input.weights }, one, smoothing, adamw);
  return tape;
}

/** From logits on: loss, backward, AdamW. */
export function recordLoss(
  tape: Tape,
  lane: Lane,
  scores: Tensor,
  { labels, count, weights }: Pick<Batch, "labels" | "count"> & Pick<Input, "weights">,
  one: Tensor,
  smoothing: number,
  adamw: AdamW,
): void {
  const { y: loss, saved } = tape.record(crossentropy, { logits: scores, labels, count, ...(weights && { weights }) }, { smoothing });
  const grads = tape.backward(loss, one);
  const found = [...lane.trainables.tensors.values()].flatMap((trainable) => {
    const gradient = grads.get(trainable);
    return gradient ? [[trainable, gradient] as const] : [];
  });
  lane.trainables.place(tape, new Map(found));
  lane.trainables.record(tape, loss, saved.rows as Tensor, adamw);
}

/** A forward pass. */
export interface Evaluation {
  readonly tape: Tape;
  /** (B, 2): loss, and whether the prediction is right. */
  readonly rows: Tensor;
  /** (B, classes) */
  readonly logits: Tensor;
}

/** Without a lane: the model before training. It allocates nothing: `keepResults` does, for a recording that is to be run. */
export function recordEvaluation(input: Input, lane: Lane | undefined): Evaluation {
  const { gpu } = input.backbone;
  const tape = new Tape(gpu.software, choicesOf(gpu));
  const scores = logits(input, lane ? lane.pass(tape, false) : frozenPass(tape), lane);
  const { labels, count } = input.batch;
  const { saved } = tape.record(crossentropy, { logits: scores, labels, count }, { smoothing: 0 });
  return { tape, rows: saved.rows as Tensor, logits: scores };
}

/** Gives the results of an evaluation a place of their own, in which they stay on the GPU. */
export function keepResults({ gpu }: Backbone, { rows, logits }: Evaluation): void {
  for (const x of [rows, logits]) x.buffer = storage(gpu, byteLength(x), "evaluation");
}

/** ΔW of one layer from a copy of the lane's trainables, into `delta`. `zeros` stands in for the frozen weight. */
export function recordDelta({ gpu }: Backbone, lane: Lane, site: Site, copy: GPUBuffer, zeros: GPUBuffer, delta: GPUBuffer): Tape {
  const tape = new Tape(gpu.software, choicesOf(gpu));
  Object.assign(lane.delta(tape, site, tensor([site.out, site.in], { buffer: zeros }), copy), { buffer: delta });
  return tape;
}

/** (1) holding 1. */
export const unit = ({ gpu }: Backbone): Tensor => tensor([1], { label: "one", buffer: upload(gpu, new Float32Array([1]), "one") });

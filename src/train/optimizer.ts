/** AdamW over all trainables of a lane in one dispatch. */
import type { Gpu } from "../gpu/device.ts";
import { storage, write } from "../gpu/memory.ts";
import { flatGroups, type Recorder } from "../ops/op.ts";
import { byteLength, numel, placeOf, storageOf, type Tensor, tensor } from "../tensor/tensor.ts";

export interface AdamW {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  /** Largest global gradient norm; 0 switches clipping off. */
  readonly clip: number;
}

/** As a run's config has it, with PyTorch's betas and epsilon. */
export const adamwOf = ({ weightDecay, clip }: Pick<AdamW, "weightDecay" | "clip">): AdamW => ({
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay,
  clip,
});

/** Steps whose figures stay on the GPU until someone reads them. */
export const RING = 1024;
/** Numbers of whose norm a workgroup sums a part, at least; and the most parts, because a single workgroup sums these. */
const PART = 4096;
const MOST_PARTS = 2048;

/** Trainables of one lane, flat, with their gradients and AdamW's moments: four buffers of equal size. */
export class Trainables {
  readonly #gpu: Gpu;
  readonly #n: number;
  readonly weight: GPUBuffer;
  readonly #gradient: GPUBuffer;
  readonly #mean: GPUBuffer;
  readonly #variance: GPUBuffer;
  readonly #hyper: GPUBuffer;
  readonly history: GPUBuffer;
  /** By name; each begins at a multiple of 256 bytes of `weight`, and its gradient at the same place of the gradients. */
  readonly tensors: ReadonlyMap<string, Tensor>;

  /** All of them, without padding. */
  readonly count: number;

  /** Those without `data` begin as zeros. */
  constructor(gpu: Gpu, values: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data?: Float32Array }>) {
    this.#gpu = gpu;
    let bytes = 0;
    const offsets = new Map<string, number>();
    for (const [name, { shape }] of values) {
      offsets.set(name, bytes);
      bytes += Math.ceil(byteLength({ shape }) / 256) * 256;
    }
    this.#n = bytes / 4;
    this.count = [...values.values()].reduce((sum, { shape }) => sum + numel(shape), 0);
    const make = (label: string) => storage(gpu, bytes, label);
    [this.weight, this.#gradient, this.#mean, this.#variance] = [make("trainables"), make("gradients"), make("mean"), make("variance")];
    this.#hyper = storage(gpu, 16, "hyper");
    this.history = storage(gpu, RING * 16, "history");
    this.tensors = new Map(
      [...values].map(([name, { shape, data }]) => {
        const offset = offsets.get(name) as number;
        if (data) write(gpu, this.weight, offset, data);
        return [name, tensor(shape, { label: name, buffer: this.weight, offset, needsGrad: true })];
      }),
    );
  }

  /** Bytes of the trainables, and of what training needs beside them. */
  get bytes(): { readonly trainable: number; readonly optimizer: number } {
    return { trainable: this.weight.size, optimizer: 3 * this.weight.size + this.#hyper.size + this.history.size };
  }

  /** (4) What changes from step to step: learning rate, AdamW's two corrections, and the number of steps before this one. */
  get clock(): Tensor {
    return tensor([4], { label: "clock", buffer: this.#hyper });
  }

  /** Where the gradient of a trainable lies after a step. */
  gradient({ shape, offset }: Tensor): Tensor {
    return tensor(shape, { label: "gradient", buffer: this.#gradient, offset });
  }

  /** Gives the gradients, by trainable, their fixed places, so that AdamW finds all of them in one buffer. */
  place(r: Recorder, gradients: ReadonlyMap<Tensor, Tensor>): void {
    // For each storage, where it would have to begin for each gradient that lies in it, and the bytes of all of these.
    const homes = new Map<Tensor, { readonly bases: Set<number>; bytes: number }>();
    for (const [trainable, gradient] of gradients) {
      const storage = storageOf(gradient);
      const home = homes.get(storage) ?? { bases: new Set(), bytes: 0 };
      home.bases.add(trainable.offset - placeOf(gradient).offset);
      home.bytes += byteLength(gradient);
      homes.set(storage, home);
    }
    const placed = new Set<Tensor>();
    for (const [storage, { bases, bytes }] of homes) {
      const [base] = bases;
      if (storage.buffer || bases.size !== 1 || bytes !== byteLength(storage)) continue;
      Object.assign(storage, { buffer: this.#gradient, offset: base });
      placed.add(storage);
    }
    for (const [trainable, gradient] of gradients) {
      if (!placed.has(storageOf(gradient))) this.#copy(r, gradient, trainable);
    }
  }

  /** For one tensor that is the gradient of two trainables, or parts that are no neighbours here. */
  #copy(r: Recorder, gradient: Tensor, trainable: Tensor): void {
    const n = numel(trainable.shape);
    r.run({
      shader: "elementwise",
      entry: "scale",
      buffers: { a: gradient, y: this.gradient(trainable) },
      params: { n, factor: 1 },
      groups: flatGroups(n / 4),
    });
  }

  /** Records norm, history and update, after the backward pass. `rows` (batch, 2) holds loss and rightness per image. */
  record(r: Recorder, loss: Tensor, rows: Tensor, options: AdamW): void {
    const n = this.#n / 4;
    const count = Math.min(MOST_PARTS, Math.max(1, Math.ceil(this.#n / PART)));
    const batch = rows.shape[0] as number;
    const { beta1, beta2, eps, weightDecay: decay, clip } = options;
    const params = { n, parts: count, batch, ring: RING, beta1, beta2, eps, decay, clip };
    const whole = (buffer: GPUBuffer) => tensor([n, 4], { buffer });
    const gradient = whole(this.#gradient);
    const hyper = tensor([4], { buffer: this.#hyper });
    const [parts, stats] = [r.out([count, 2]), r.out([2])];
    const overrides = { WG: r.software ? 8 : 256 };
    r.run({ shader: "adamw", entry: "norm", buffers: { gradient, parts }, params, groups: [count], overrides });
    r.run({
      shader: "adamw",
      entry: "record",
      buffers: { parts_in: parts, loss, rows, hyper, stats, history: tensor([RING, 4], { buffer: this.history }) },
      params,
      groups: [1],
      overrides,
    });
    const buffers = {
      gradient,
      hyper,
      stats_in: stats,
      weight: whole(this.weight),
      mean: whole(this.#mean),
      variance: whole(this.#variance),
    };
    r.run({ shader: "adamw", entry: "update", buffers, params, groups: flatGroups(n) });
  }

  /** Queues what the next step needs to know. `step` counts from 1. */
  prepare(step: number, lr: number, { beta1, beta2 }: AdamW): void {
    write(this.#gpu, this.#hyper, 0, new Float32Array([lr, 1 - beta1 ** step, 1 - beta2 ** step, step - 1]));
  }

  destroy(): void {
    for (const buffer of [this.weight, this.#gradient, this.#mean, this.#variance, this.#hyper, this.history]) buffer.destroy();
  }
}

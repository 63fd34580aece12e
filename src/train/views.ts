/** The views of a batch's images on the GPU: drawn for a step, and recorded into it. */
import type { Gpu } from "../gpu/device.ts";
import { storage, write } from "../gpu/memory.ts";
import { augment } from "../ops/augment.ts";
import type { Normalize } from "../ops/normalize.ts";
import type { Tape } from "../tensor/tape.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { type Augment, changesTone, type Drawn, drawViews } from "./augment.ts";

export class Views {
  readonly #gpu: Gpu;
  readonly #augment: Augment;
  readonly #size: number;
  readonly #place: Tensor;
  readonly #tone: Tensor | undefined;
  /** A step allocates nothing. */
  readonly #drawn: Drawn;

  /** For `images` of `size` × `size` pixels. */
  constructor(gpu: Gpu, settings: Augment, images: number, size: number) {
    const table = (label: string) => tensor([images, 6], { label, buffer: storage(gpu, 24 * images, label) });
    this.#gpu = gpu;
    this.#augment = settings;
    this.#size = size;
    this.#place = table("place");
    this.#tone = changesTone(settings) ? table("tone") : undefined;
    this.#drawn = { place: new Float32Array(6 * images), tone: new Float32Array(6 * images) };
  }

  /** Queues what the next run of a recording sees; `step` counts from 0. */
  draw(seed: number, step: number): void {
    drawViews(this.#augment, this.#size, seed, step, this.#drawn);
    write(this.#gpu, this.#place.buffer as GPUBuffer, 0, this.#drawn.place);
    if (this.#tone) write(this.#gpu, this.#tone.buffer as GPUBuffer, 0, this.#drawn.tone);
  }

  /** Packed bytes (B, size, size, 3) → (B, 3, size, size), normalised. */
  apply(tape: Tape, pixels: Tensor, as: Normalize): Tensor {
    return tape.apply(augment, { pixels, place: this.#place, ...(this.#tone && { tone: this.#tone }) }, as);
  }

  destroy(): void {
    for (const table of [this.#place, this.#tone]) table?.buffer?.destroy();
  }
}

/** A model on the GPU: its weights exist once, whoever uses them. */
import { type Checkpoint, openCheckpoint } from "../formats/checkpoint.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Kernels } from "../gpu/kernel.ts";
import { readback, storage, upload } from "../gpu/memory.ts";
import type { Model, Site } from "../models/model.ts";
import { openTokenizer, type TextTokenizer } from "../models/tokenizer.ts";
import { l2norm } from "../ops/l2norm.ts";
import { Arena } from "../tensor/plan.ts";
import { Tape } from "../tensor/tape.ts";
import { byteLength, numel, type Tensor, tensor } from "../tensor/tensor.ts";
import { buildModel } from "./catalog.ts";
import { frozenPass } from "./lane.ts";

/** The files of a Hugging Face model folder. */
export interface ModelFiles {
  readonly config: Uint8Array;
  readonly weights: Uint8Array;
  readonly tokenizer?: { readonly tokenizer: object; readonly config: object };
}

export class Backbone {
  readonly gpu: Gpu;
  readonly kernels: Kernels;
  readonly model: Model;
  readonly sites: readonly Site[];
  readonly #buffers: GPUBuffer[] = [];
  readonly #tokenizer: TextTokenizer | undefined;

  constructor(gpu: Gpu, kernels: Kernels, { config, weights, tokenizer }: ModelFiles) {
    this.gpu = gpu;
    this.kernels = kernels;
    const checkpoint: Checkpoint = openCheckpoint(config, weights);
    const load = (name: string, shape: readonly number[]): Tensor => {
      const buffer = upload(gpu, checkpoint.tensor(name, shape), name);
      this.#buffers.push(buffer);
      return tensor(shape, { label: name, buffer });
    };
    const built = buildModel(checkpoint.config, load, (name) => checkpoint.tensor(name, [])[0] as number);
    this.model = built.model;
    this.sites = built.sites;
    this.#tokenizer = tokenizer && openTokenizer(tokenizer.tokenizer, tokenizer.config);
  }

  /** Bytes of the weights on the GPU. */
  get bytes(): number {
    return this.#buffers.reduce((sum, { size }) => sum + size, 0);
  }

  /** Unit embeddings (n, shared) of the texts, kept on the GPU. Throws when the model has no text tower. */
  async embedTexts(texts: readonly string[]): Promise<Tensor> {
    const { text } = this.model;
    if (!text || !this.#tokenizer) throw new Error("This model has no text tower; choose the learned linear head.");
    const { ids, ends } = this.#tokenizer.encode(texts, { positions: text.positions });
    return this.embedIds(ids, ends);
  }

  /** The same from token ids (n · positions) and the index of each end token (n). */
  async embedIds(ids: Uint32Array, ends: Uint32Array): Promise<Tensor> {
    const { text } = this.model;
    if (!text) throw new Error("This model has no text tower.");
    // Texts are embedded a few at a time: a thousand class names must not need a thousand texts' activations.
    const chunk = 64;
    const parts: Float32Array[] = [];
    for (let first = 0; first < ends.length; first += chunk) {
      const some = ends.slice(first, first + chunk);
      const tape = new Tape(this.gpu.software);
      const given = (data: Uint32Array, label: string) => tensor([data.length], { type: "u32", buffer: upload(this.gpu, data, label) });
      const [i, e] = [given(ids.slice(first * text.positions, (first + some.length) * text.positions), "ids"), given(some, "ends")];
      const unit = tape.apply(l2norm, { x: text.embed(frozenPass(tape), i, e) }, {});
      parts.push(await this.compute(tape, unit));
      i.buffer?.destroy();
      e.buffer?.destroy();
    }
    const width = (parts[0] as Float32Array).length / Math.min(chunk, ends.length);
    const all = new Float32Array(ends.length * width);
    parts.forEach((part, p) => {
      all.set(part, p * chunk * width);
    });
    return tensor([ends.length, width], { label: "class embeddings", buffer: upload(this.gpu, all, "class embeddings") });
  }

  /** Runs a tape once, in an arena of its own, and reads one result. */
  async compute(tape: Tape, y: Tensor): Promise<Float32Array> {
    const arena = new Arena(this.gpu, this.kernels);
    const home = storage(this.gpu, byteLength(y), "result");
    y.buffer = home;
    const [plan] = await arena.plan([tape]);
    const encoder = this.gpu.device.createCommandEncoder();
    plan?.encode(encoder);
    this.gpu.device.queue.submit([encoder.finish()]);
    const values = new Float32Array(await readback(this.gpu, home, 0, 4 * numel(y.shape)));
    home.destroy();
    arena.destroy();
    return values;
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }
}

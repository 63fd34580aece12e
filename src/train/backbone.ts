/** A model on the GPU: its weights exist once, whoever uses them. */
import { type Checkpoint, openCheckpoint } from "../formats/checkpoint.ts";
import { readObject } from "../formats/json.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Kernels } from "../gpu/kernel.ts";
import { upload } from "../gpu/memory.ts";
import type { Model, ModelDef, Parameter, Site, Weights } from "../models/model.ts";
import { openTokenizer, type TextTokenizer } from "../models/tokenizer.ts";
import { l2norm } from "../ops/l2norm.ts";
import { runOnce } from "../tensor/once.ts";
import { Tape } from "../tensor/tape.ts";
import { type Tensor, tensor } from "../tensor/tensor.ts";
import { type Built, buildModel, modelOf } from "./catalog.ts";
import { frozenPass } from "./frozen.ts";
import { InputError } from "./input.ts";
import { frozenTensors } from "./weights.ts";

/** The files of a Hugging Face model folder. */
export interface ModelFiles {
  readonly config: Uint8Array;
  readonly weights: Parameters<typeof openCheckpoint>[1];
  readonly tokenizer?: { readonly tokenizer: object; readonly config: object };
}

export interface BackboneOptions {
  /** Side of the images it will be given; the config's own where undefined. */
  readonly size?: number;
  /** How frozen matrices are kept: as the checkpoint has them, or all in 16 bits. */
  readonly precision?: "checkpoint" | "half";
}

/** Texts as token ids (n · tokens), and the index of each one's end token (n). */
export interface Texts {
  readonly ids: Uint32Array;
  readonly ends: Uint32Array;
}

export class Backbone {
  readonly gpu: Gpu;
  readonly kernels: Kernels;
  readonly checkpoint: Checkpoint;
  readonly def: ModelDef<unknown>;
  readonly model: Model;
  readonly sites: readonly Site[];
  readonly parameters: readonly Parameter[];
  readonly #tensors = new Map<string, Tensor>();
  readonly #size: number | undefined;
  readonly #tokenizer: TextTokenizer | undefined;

  /** Throws FormatError or UnsupportedError, naming what is wrong with the files or not handled. */
  constructor(gpu: Gpu, kernels: Kernels, { config, weights, tokenizer }: ModelFiles, options: BackboneOptions = {}) {
    this.gpu = gpu;
    this.kernels = kernels;
    this.#size = options.size;
    const precision = options.precision ?? "checkpoint";
    this.checkpoint = openCheckpoint(config, weights, modelOf(readObject(config, "config.json")).prefix);
    const load: Weights = (name, shape, { values, matrix = false, row = [name] } = {}) => {
      if (!this.#tensors.has(name)) {
        const entries = () => new Map(row.map((one) => [one, this.checkpoint.entry(one, shape)]));
        const made = values
          ? [[name, tensor(shape, { label: name, buffer: upload(gpu, values(), name) })] as const]
          : frozenTensors(gpu, entries(), shape, matrix ? precision : "full");
        for (const [one, found] of made) this.#tensors.set(one, found);
      }
      return this.tensor(name);
    };
    const built = buildModel(this.checkpoint.config, load, this.#size);
    this.def = built.def;
    this.model = built.model;
    this.sites = built.sites;
    this.parameters = built.parameters;
    this.#tokenizer = tokenizer && openTokenizer(tokenizer.tokenizer, tokenizer.config);
  }

  /** A frozen tensor by its name in the checkpoint. */
  tensor(name: string): Tensor {
    const found = this.#tensors.get(name);
    if (!found) throw new Error(`The model has no tensor "${name}"`);
    return found;
  }

  /** The model as a lane sees it that trains some of the model's tensors: `own` in their place, all others shared. */
  through(own: ReadonlyMap<string, Tensor>): Pick<Built, "model" | "sites"> {
    if (own.size === 0) return this;
    return buildModel(this.checkpoint.config, (name) => own.get(name) ?? this.tensor(name), this.#size);
  }

  /** Bytes of the weights on the GPU. */
  get bytes(): number {
    const buffers = new Set([...this.#tensors.values()].map(({ buffer }) => buffer));
    return [...buffers].reduce((sum, buffer) => sum + (buffer?.size ?? 0), 0);
  }

  /** Token ids of texts, cut to the longest of them. Throws when the model has no text tower. */
  encode(texts: readonly string[]): Texts {
    const { text } = this.model;
    if (!text) throw new InputError("This model has no text tower.", "Choose the learned linear head.");
    if (!this.#tokenizer)
      throw new InputError(
        "This model comes without its tokenizer.",
        "Put tokenizer.json and tokenizer_config.json beside it, or choose the learned linear head.",
      );
    const { ids, ends } = this.#tokenizer.encode(texts, { positions: text.positions });
    const tokens = Math.max(...ends) + 1;
    const cut = new Uint32Array(texts.length * tokens);
    // What follows a text's end is never looked at: attention is causal, and only the end token is read.
    for (let t = 0; t < texts.length; t++) cut.set(ids.subarray(t * text.positions, t * text.positions + tokens), t * tokens);
    return { ids: cut, ends };
  }

  /** Unit embeddings (n, shared) of texts by the model as it is in the checkpoint, kept on the GPU. */
  async embed({ ids, ends }: Texts): Promise<Tensor> {
    const { text } = this.model;
    if (!text) throw new Error("This model has no text tower.");
    // Texts are embedded a few at a time: a thousand class names must not need a thousand texts' activations.
    const chunk = 64;
    const tokens = ids.length / ends.length;
    const parts: Float32Array[] = [];
    for (let first = 0; first < ends.length; first += chunk) {
      const some = ends.slice(first, first + chunk);
      const tape = new Tape(this.gpu.software);
      const given = (data: Uint32Array, label: string) => tensor([data.length], { type: "u32", buffer: upload(this.gpu, data, label) });
      const [i, e] = [given(ids.slice(first * tokens, (first + some.length) * tokens), "ids"), given(some, "ends")];
      const unit = tape.apply(l2norm, { x: text.embedTexts(frozenPass(tape), i, e) }, {});
      parts.push(...(await runOnce(this.gpu, this.kernels, tape, [unit])));
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

  destroy(): void {
    for (const { buffer } of this.#tensors.values()) buffer?.destroy();
  }
}

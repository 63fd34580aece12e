/** The contract of a model: a function built from checkpoint names and a config. It knows nothing of adapters or training. */
import type { JsonObject } from "../formats/json.ts";
import { layernorm } from "../ops/layernorm.ts";
import type { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The halves of a model: a dual encoder has both, a plain one the first. */
export type Tower = "image" | "text";

/** One frozen linear layer that may be adapted: y = x·Wᵀ + bias. */
export interface Site {
  /** The layer's name in the checkpoint, such as "vision_model.encoder.layers.0.self_attn.q_proj". */
  readonly path: string;
  readonly tower: Tower;
  readonly in: number;
  readonly out: number;
  /** Index of the block it is in. */
  readonly block: number;
  /** What it is called on the page: "q", "k", "v", "out", "fc1", "fc2". */
  readonly target: string;
  /** (out, in) */
  readonly weight: Tensor;
  /** (out) */
  readonly bias?: Tensor;
}

/** A tensor of the checkpoint that the model uses. */
export interface Parameter {
  /** Its name in the checkpoint of the whole model, such as "vit.embeddings.cls_token". */
  readonly name: string;
  readonly shape: readonly number[];
  readonly tower: Tower;
}

/** One recording of the model: where launches go, and who multiplies by the weight of a site. */
export interface Pass {
  readonly tape: Tape;
  /** x (rows, in) → x·Wᵀ + bias + add (rows, out); a lane puts its adapter here. */
  linear(site: Site, x: Tensor, add?: Tensor): Tensor;
  /** The same of several sites of one shape that read the same x (rows, in): a result (rows, out) for each. */
  linears(sites: readonly Site[], x: Tensor): readonly Tensor[];
  /**
   * Where somebody wants to look inside the image tower: tensors by name, put there as they are recorded; without it nothing is kept.
   * "block.3.attention" and "block.3.mlp" (B·T, width) are what the halves of the fourth block add to the residual stream, of every
   * token. "block.3.weights": attention's weights (B · heads, T, stride), of which the first T numbers of a row count.
   */
  readonly taps?: Map<string, Tensor>;
}

/** `add` (rows, out) is summed into the result: the residual stream costs no launch of its own. */
export type Layer = (pass: Pass, x: Tensor, add?: Tensor) => Tensor;

/** Layers of one shape on the same input. */
export type Layers = (pass: Pass, x: Tensor) => readonly Tensor[];

/** What is asked of a tensor beside its name and shape. */
export interface Wanted {
  /** It is no weight, but numbers that follow from the config: they are not in the checkpoint, and never trained. */
  readonly values?: () => Float32Array<ArrayBuffer>;
  /** Its readers take 16-bit numbers too: matmul as its second factor, embed as its table. */
  readonly matrix?: boolean;
  /** Names of tensors of the same shape that are used together, this one among them: they are to lie one after the other. */
  readonly row?: readonly string[];
}

/** Looks a weight up by its checkpoint name; the shape is checked. */
export type Weights = (name: string, shape: readonly number[], wanted?: Wanted) => Tensor;

/** A place in the checkpoint's names, where a model asks for its parts. */
export class Scope {
  readonly #weights: Weights;
  readonly #prefix: string;
  readonly #tower: Tower;
  /** All sites and tensors declared so far, below any scope of one root. */
  readonly sites: Site[];
  readonly parameters: Parameter[];

  constructor(weights: Weights, prefix = "", tower: Tower = "image", sites: Site[] = [], parameters: Parameter[] = []) {
    this.#weights = weights;
    this.#prefix = prefix;
    this.#tower = tower;
    this.sites = sites;
    this.parameters = parameters;
  }

  /** What is declared below belongs to `tower`: the one it was in, unless it is named. */
  at(name: string, tower = this.#tower): Scope {
    return new Scope(this.#weights, name ? `${this.#prefix}${name}.` : this.#prefix, tower, this.sites, this.parameters);
  }

  tensor(name: string, shape: readonly number[], wanted?: Wanted): Tensor {
    this.parameters.push({ name: this.#prefix + name, shape, tower: this.#tower });
    return this.#weights(this.#prefix + name, shape, wanted);
  }

  /** Numbers that follow from the config alone, made when they are first needed. */
  constant(name: string, shape: readonly number[], values: () => Float32Array<ArrayBuffer>): Tensor {
    return this.#weights(this.#prefix + name, shape, { values });
  }

  /** Layer normalisation over the last axis. */
  norm(name: string, width: number, eps: number): Layer {
    const at = this.at(name);
    const [gamma, beta] = [at.tensor("weight", [width]), at.tensor("bias", [width])];
    return ({ tape }, x) => tape.apply(layernorm, { x, gamma, beta }, { eps });
  }

  /** Declares a site: its name, its shape and its place are stated once, here. */
  linear(name: string, inner: number, out: number, place: Pick<Site, "block" | "target"> & { readonly bias?: boolean }): Layer {
    const { target, ...rest } = place;
    const [site] = this.#sitesOf({ [target]: name }, inner, out, rest) as [Site];
    return (pass, x, add) => pass.linear(site, x, add);
  }

  /** Declares sites that read the same input, by target. */
  linears(
    names: Readonly<Record<string, string>>,
    inner: number,
    out: number,
    place: Pick<Site, "block"> & { readonly bias?: boolean },
  ): Layers {
    const sites = this.#sitesOf(names, inner, out, place);
    return (pass, x) => pass.linears(sites, x);
  }

  #sitesOf(
    names: Readonly<Record<string, string>>,
    inner: number,
    out: number,
    { block, bias = true }: Pick<Site, "block"> & { readonly bias?: boolean },
  ): Site[] {
    const row = (part: string, shape: readonly number[], wanted?: Wanted) => {
      const all = Object.values(names).map((name) => `${name}.${part}`);
      return all.map((name) => this.tensor(name, shape, { ...wanted, row: all.map((one) => this.#prefix + one) }));
    };
    const weights = row("weight", [out, inner], { matrix: true });
    const biases = bias ? row("bias", [out]) : [];
    const sites = Object.entries(names).map(([target, name], i): Site => {
      const own = biases[i];
      return {
        ...{ path: this.#prefix + name, tower: this.#tower, in: inner, out, block, target },
        weight: weights[i] as Tensor,
        ...(own && { bias: own }),
      };
    });
    this.sites.push(...sites);
    return sites;
  }
}

/** A tower that turns images into features. */
export interface ImageTower {
  /** Side of its square input in pixels. */
  readonly size: number;
  /** Rows of activations that an image has inside. */
  readonly tokens: number;
  /** How many of them come before the patches' own: the class token, one that was taught by another model, registers. */
  readonly special: number;
  /** Numbers in the pooled features. */
  readonly width: number;
  /** pixels (B, 3, size, size) → what transformers' image classifier of this model reads (B, width). */
  features(pass: Pass, pixels: Tensor): Tensor;
}

/** A dual encoder's other half: images and texts meet in one space. */
export interface TextTower {
  /** Token positions of a text at most. */
  readonly positions: number;
  /** pixels (B, 3, size, size) → image embeddings (B, shared), not normalised. */
  embedImages(pass: Pass, pixels: Tensor): Tensor;
  /** ids (n · tokens), tokens ≤ positions, and the index of each end token (n) → text embeddings (n, shared), not normalised. */
  embedTexts(pass: Pass, ids: Tensor, ends: Tensor): Tensor;
  /** () Cosines are multiplied by exp of this. */
  readonly scale: Tensor;
}

export interface Model {
  readonly image: ImageTower;
  readonly text?: TextTower;
}

export interface ModelDef<C> {
  readonly title: string;
  /** Values of `model_type` in config.json that this file handles. */
  readonly types: readonly string[];
  /** Begins the names of a whole model; checkpoints of the bare encoder leave it out: "vit.". */
  readonly prefix?: string;
  /** transformers' class for the model with each kind of head, as config.json's `architectures` names it. */
  readonly classes: { readonly linear: string; readonly text?: string };
  /** Match the names of tensors that the class with a linear head does not have: the other tower of a dual encoder. */
  readonly outside?: readonly RegExp[];
  /** config.json of the class with a linear head, where that has another form than the base's own. */
  whole?(config: JsonObject): JsonObject;
  /** A module or tensor name of the checkpoint as transformers 5 has it in memory, where that differs. */
  renamed?(name: string): string;
  /**
   * Reads config.json; throws an error that names the field it does not handle. `size`: side of the images it will be given,
   * the config's own where undefined.
   */
  configure(config: Readonly<Record<string, unknown>>, size?: number): C;
  build(scope: Scope, config: C): Model;
}

export const defineModel = <C>(def: ModelDef<C>): ModelDef<C> => def;

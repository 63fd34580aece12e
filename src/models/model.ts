/** The contract of a model: a function built from checkpoint names and a config. It knows nothing of adapters or training. */
import { layernorm } from "../ops/layernorm.ts";
import type { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** One frozen linear layer that may be adapted: y = x·Wᵀ + bias. */
export interface Site {
  /** The layer's name in the checkpoint, such as "vision_model.encoder.layers.0.self_attn.q_proj". */
  readonly path: string;
  readonly in: number;
  readonly out: number;
  /** Index of the block it is in. */
  readonly block: number;
  /** What it is called on the page: "q", "k", "v", "out", "fc1", "fc2". */
  readonly target: string;
  /** (out, in) */
  readonly weight: Tensor;
  /** (out) */
  readonly bias: Tensor;
}

/** One recording of the model: where launches go, and who multiplies by the weight of a site. */
export interface Pass {
  readonly tape: Tape;
  /** x (rows, in) → x·Wᵀ + bias + add (rows, out); a lane puts its adapter here. */
  linear(site: Site, x: Tensor, add?: Tensor): Tensor;
}

/** `add` (rows, out) is summed into the result: the residual stream costs no launch of its own. */
export type Layer = (pass: Pass, x: Tensor, add?: Tensor) => Tensor;

/** Looks a weight up by its checkpoint name; the shape is checked. */
export type Weights = (name: string, shape: readonly number[]) => Tensor;

/** A place in the checkpoint's names, where a model asks for its parts. */
export class Scope {
  readonly #weights: Weights;
  readonly #prefix: string;
  /** All sites declared so far, below any scope of one root. */
  readonly sites: Site[];

  constructor(weights: Weights, prefix = "", sites: Site[] = []) {
    this.#weights = weights;
    this.#prefix = prefix;
    this.sites = sites;
  }

  at(name: string): Scope {
    return new Scope(this.#weights, `${this.#prefix}${name}.`, this.sites);
  }

  tensor(name: string, shape: readonly number[]): Tensor {
    return this.#weights(this.#prefix + name, shape);
  }

  /** Layer normalisation over the last axis. */
  norm(name: string, width: number, eps: number): Layer {
    const at = this.at(name);
    const [gamma, beta] = [at.tensor("weight", [width]), at.tensor("bias", [width])];
    return ({ tape }, x) => tape.apply(layernorm, { x, gamma, beta }, { eps });
  }

  /** Declares a site: its name, its shape and its place are stated once, here. */
  linear(name: string, inner: number, out: number, place: { readonly block: number; readonly target: string }): Layer {
    const at = this.at(name);
    const site: Site = {
      path: this.#prefix + name,
      in: inner,
      out,
      ...place,
      weight: at.tensor("weight", [out, inner]),
      bias: at.tensor("bias", [out]),
    };
    this.sites.push(site);
    return (pass, x, add) => pass.linear(site, x, add);
  }
}

/** A tower that turns images into features. */
export interface ImageTower {
  /** Side of its square input in pixels. */
  readonly size: number;
  /** Rows of activations that an image has inside. */
  readonly tokens: number;
  /** Numbers in the pooled features; what a linear head reads. */
  readonly width: number;
  /** pixels (B, 3, size, size) → features (B, width). */
  features(pass: Pass, pixels: Tensor): Tensor;
}

/** A dual encoder's other half: features and texts meet in one space. */
export interface TextTower {
  /** Token positions of every text. */
  readonly positions: number;
  /** features (B, width) → image embeddings (B, shared), not normalised. */
  project(pass: Pass, features: Tensor): Tensor;
  /** ids (B · positions) and the index of each end token (B) → text embeddings (B, shared), not normalised. */
  embed(pass: Pass, ids: Tensor, ends: Tensor): Tensor;
  /** Cosines are multiplied by this. */
  readonly scale: number;
}

export interface Model {
  readonly image: ImageTower;
  readonly text?: TextTower;
}

/** Fields of a config.json, read with named errors. */
export interface ModelDef<C> {
  readonly title: string;
  /** Values of `model_type` in config.json that this file handles. */
  readonly types: readonly string[];
  /** Reads config.json; throws an error that names the field it does not handle. */
  configure(config: Readonly<Record<string, unknown>>): C;
  /** `scalar` reads a single number of the checkpoint on the CPU. */
  build(scope: Scope, config: C, scalar: (name: string) => number): Model;
}

export const defineModel = <C>(def: ModelDef<C>): ModelDef<C> => def;

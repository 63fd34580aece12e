/** The contract of a method: how the ΔW of a frozen linear layer is made from few trainable numbers. */
import { matmul } from "../ops/matmul.ts";
import type { Tape } from "../tensor/tape.ts";
import { numel, type Tensor } from "../tensor/tensor.ts";

/** One setting of a method: the panel, the URL and validation follow from it. */
export interface Field {
  readonly label: string;
  /** One line: what it does and a sensible range. */
  readonly help: string;
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
}
export type Fields = Readonly<Record<string, Field>>;
export type Settings<F extends Fields> = { readonly [K in keyof F]: number };

/** The sizes of one frozen linear layer; enough to count parameters. */
export interface SiteShape {
  readonly in: number;
  readonly out: number;
}

/** Numbers made on the CPU. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Uniform numbers in [0, 1), by position: the same seed gives the same numbers on every machine. */
export type Random = (index: number) => number;

/** What a method records with: the tape and its tensors on the GPU. */
export interface Parts<T extends string, S extends string> {
  readonly tape: Tape;
  readonly trainable: Readonly<Record<T, Tensor>>;
  readonly shared: Readonly<Record<S, Tensor>>;
}

/** ΔW (out, in) = gain · up (out, R) · down (R, in) */
export interface Factors {
  readonly up: Tensor;
  readonly down: Tensor;
  readonly gain: number;
  /** Both are stored transposed: up as (R, out), down as (in, R). */
  readonly transposed?: boolean;
}

export interface AdapterDef<F extends Fields, T extends string, S extends string> {
  readonly title: string;
  /** Where it was published. */
  readonly paper: string;
  readonly fields: F;
  /** Peak learning rate to start from. */
  readonly lr: number;
  /** Shapes of the trainable tensors of one layer. */
  trainable(layer: SiteShape, settings: Settings<F>): Readonly<Record<T, readonly number[]>>;
  /** Their first values. ΔW is zero with them. */
  init(layer: SiteShape, settings: Settings<F>, random: Random): Readonly<Record<T, Float32Array>>;
  /** Frozen tensors that all layers share, rebuilt from the seed. */
  shared(layers: readonly SiteShape[], settings: Settings<F>, seed: number): Readonly<Record<S, Values>>;
  /** R of the factors. */
  inner(layer: SiteShape, settings: Settings<F>): number;
  factors(parts: Parts<T, S>, layer: SiteShape, settings: Settings<F>): Factors;
  /** weight + ΔW in one fused launch, where that is better than multiplying the factors. */
  merge?(parts: Parts<T, S>, weight: Tensor, layer: SiteShape, settings: Settings<F>): Tensor;
  /** The settings whose parameter count over `layers` is nearest to `budget`. */
  match(layers: readonly SiteShape[], settings: Settings<F>, budget: number): Settings<F>;
}

export const defineAdapter = <F extends Fields, T extends string, S extends string = never>(
  def: AdapterDef<F, T, S>,
): AdapterDef<F, T, S> => def;

/** The erased form, for code that treats all methods alike. */
export type AnyAdapter = AdapterDef<Fields, string, string>;

/** A method attached to one layer. */
export interface Attached {
  readonly def: AnyAdapter;
  readonly settings: Settings<Fields>;
  readonly trainable: Readonly<Record<string, Tensor>>;
  readonly shared: Readonly<Record<string, Tensor>>;
}

/** "weight": form W + ΔW once per step and multiply by it. "activations": add gain · (x·downᵀ)·upᵀ to x·Wᵀ. */
export type Way = "weight" | "activations";

/**
 * The cheaper way for `rows` rows of activations, by multiply-adds. On the activations every row passes both factors; on the
 * weight the factors are multiplied once, and training needs the gradient of the whole weight.
 */
export function cheaperWay({ def, settings }: Pick<Attached, "def" | "settings">, layer: SiteShape, rows: number, training: boolean): Way {
  const inner = def.inner(layer, settings);
  const area = layer.in * layer.out;
  const activations = rows * inner * (layer.in + layer.out) * (training ? 3 : 1);
  const weight = inner * area * (training ? 3 : 1) + (training ? rows * area : 0);
  return weight <= activations ? "weight" : "activations";
}

/** W + ΔW (out, in). `zero` in place of the weight gives ΔW itself. */
export function mergedWeight(tape: Tape, { def, settings, trainable, shared }: Attached, layer: SiteShape, weight: Tensor): Tensor {
  const parts = { tape, trainable, shared };
  if (def.merge) return def.merge(parts, weight, layer, settings);
  const { up, down, gain, transposed = false } = def.factors(parts, layer, settings);
  return tape.apply(matmul, { a: up, b: down, add: weight }, { alpha: gain, transA: transposed, transB: transposed });
}

/** `base` (rows, out), which holds x·Wᵀ and the bias, plus x·ΔWᵀ; the weight stays untouched. */
export function onActivations(
  tape: Tape,
  { def, settings, trainable, shared }: Attached,
  layer: SiteShape,
  x: Tensor,
  base: Tensor,
): Tensor {
  const { up, down, gain, transposed = false } = def.factors({ tape, trainable, shared }, layer, settings);
  const hidden = tape.apply(matmul, { a: x, b: down }, { transB: !transposed });
  return tape.apply(matmul, { a: hidden, b: up, add: base }, { transB: !transposed, alpha: gain });
}

/** Trainable numbers over all layers. */
export function countParameters(def: AnyAdapter, layers: readonly SiteShape[], settings: Settings<Fields>): number {
  return layers.reduce((sum, layer) => sum + Object.values(def.trainable(layer, settings)).reduce((n, shape) => n + numel(shape), 0), 0);
}

/** The whole number from `min` to `max` at which `count` comes nearest to `budget`. */
export function nearest(min: number, max: number, budget: number, count: (value: number) => number): number {
  let best = min;
  for (let value = min; value <= max; value++) {
    if (Math.abs(count(value) - budget) < Math.abs(count(best) - budget)) best = value;
  }
  return best;
}

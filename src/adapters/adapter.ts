/** The contract of a method: what it trains, and how the change of a frozen linear layer comes from it. */
import type { ConfigFields } from "../formats/config.ts";
import type { JsonObject } from "../formats/json.ts";
import type { FloatTensor } from "../formats/safetensors.ts";
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
  /** Names of its values 0, 1, …: a choice, not a quantity. */
  readonly choices?: readonly string[];
  /** The field to which it keeps its ratio when that one is changed alone: α to r. */
  readonly follows?: string;
}
export type Fields = Readonly<Record<string, Field>>;
export type Settings<F extends Fields> = { readonly [K in keyof F]: number };

/** The setting that every method with a dropout has under the name `dropout`; the lane drops, the method need not know. */
export const dropoutField: Field = {
  label: "Dropout",
  help: "Share of the layer's input that the update does not see in a training step. 0 to 0.1; 0 is fastest.",
  default: 0,
  min: 0,
  max: 0.9,
  step: 0.01,
};

/** The sizes of one frozen linear layer; enough to count parameters. */
export interface SiteShape {
  readonly in: number;
  readonly out: number;
}

/** Numbers made on the CPU: float32, or codes. */
export interface Values {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint32Array;
}

/** Uniform numbers in [0, 1), by position: the same seed gives the same numbers on every machine. */
export type Random = (index: number) => number;

/** What a method records with: the tape and its tensors on the GPU. */
export interface Parts<T extends string, S extends string> {
  readonly tape: Tape;
  readonly trainable: Readonly<Record<T, Tensor>>;
  readonly shared: Readonly<Record<S, Tensor>>;
  /** For numbers drawn on the GPU: the run's seed, and a number that no other layer of the lane has. */
  readonly seed: number;
  readonly stream: number;
}

/** gain · up (out, R) · diag(middle) · down (R, in) */
export interface Factors {
  readonly up: Tensor;
  readonly down: Tensor;
  /** (R) Absent: ones. Only between factors that are not transposed. */
  readonly middle?: Tensor;
  readonly gain: number;
  /** Both are stored transposed: up as (R, out), down as (in, R). */
  readonly transposed?: boolean;
}

/** How a method stands in PEFT's files. */
export interface PeftForm<F extends Fields, T extends string, S extends string> {
  /** `peft_type` of adapter_config.json. */
  readonly type: string;
  /** Key of each trainable, after the module's path: "lora_A.weight". */
  readonly parts: Readonly<Record<T, string>>;
  /** Fields of adapter_config.json beside those that every method has. */
  write(settings: Settings<F>, seed: number): JsonObject;
  /** Settings and seed from such a file; undefined when it means another method of the same `peft_type`. Throws named errors. */
  read(config: ConfigFields): { readonly settings: Settings<F>; readonly seed: number } | undefined;
  /** The frozen tensors that all layers share, as the file holds them directly under "base_model.", and back. */
  readonly shared?: {
    readonly keys: readonly string[];
    write(shared: Readonly<Record<S, Values>>, settings: Settings<F>, layers: readonly SiteShape[]): ReadonlyMap<string, FloatTensor>;
    /** Throws FormatError when one of `keys` is missing from `tensors`, or does not fit the layers. */
    read(tensors: ReadonlyMap<string, FloatTensor>, settings: Settings<F>, layers: readonly SiteShape[]): Readonly<Record<S, Values>>;
  };
}

/** Under which a method is offered. */
export type Family = "Low rank" | "Random bases" | "Whole model" | "Ours";

/** How a method is drawn, everywhere: CSS colours on a light and a dark ground, and a stroke-dasharray, as colour alone is not enough. */
export interface Mark {
  readonly light: string;
  readonly dark: string;
  readonly dash: string;
}

/** W_eff = rowScale ⊙ (W + Σ gain · up · down), where each hook is a method's own; the defaults leave W as it is. */
export interface AdapterDef<F extends Fields, T extends string, S extends string> {
  readonly title: string;
  /** Where it was published. */
  readonly paper: string;
  /** What it does, in one sentence for people. */
  readonly does: string;
  readonly family: Family;
  readonly mark: Mark;
  readonly fields: F;
  /** Peak learning rate to start from. */
  readonly lr: number;
  /** Shapes of the trainable tensors of one layer. */
  trainable(layer: SiteShape, settings: Settings<F>): Readonly<Record<T, readonly number[]>>;
  /** ΔW is not zero with the first values. */
  readonly offset?: true;
  /** Their first values. ΔW is zero with them, unless `offset` is set. */
  init(layer: SiteShape, settings: Settings<F>, random: Random): Readonly<Record<T, Float32Array>>;
  /** First values that depend on the frozen weight (out, in), computed on the GPU; they replace those of `init`. */
  prime?(tape: Tape, weight: Tensor): { readonly [K in T]?: Tensor };
  /** Frozen tensors that all layers share, rebuilt from the seed. */
  shared(layers: readonly SiteShape[], settings: Settings<F>, seed: number): Readonly<Record<S, Values>>;
  /** Sum of the R of all factors. */
  inner(layer: SiteShape, settings: Settings<F>): number;
  /** The terms of ΔW; none where the method changes no weight by factors. */
  factors(parts: Parts<T, S>, layer: SiteShape, settings: Settings<F>): readonly Factors[];
  /** `down` of every term is not trained: its gradient, half the work on the way back, is never asked for. */
  readonly frozenDown?: true;
  /** weight + ΔW in one fused launch, where that is better than multiplying the factors. */
  merge?(parts: Parts<T, S>, weight: Tensor, layer: SiteShape, settings: Settings<F>): Tensor;
  /** (out) What each row of `merged`, W + ΔW, is multiplied by. */
  rowScale?(parts: Parts<T, S>, merged: Tensor): Tensor;
  /**
   * `merge`, or else `factors`, and `rowScale` also take the trainables of several layers of one shape at once, stacked with one axis more in front, and
   * then give stacked results; what is shared may stay the same for all.
   */
  readonly stacks?: true;
  /** Whether it trains this tensor of the model itself, by its name in the checkpoint. */
  trains?(name: string): boolean;
  /**
   * The settings whose parameter count over `layers` is nearest to `budget`, among those that make sense on these layers: no rank past
   * their smaller sides. Absent: its size is what it is.
   */
  match?(layers: readonly SiteShape[], settings: Settings<F>, budget: number): Settings<F>;
  /** Absent: PEFT has no such method; where there are factors it can read them as LoRA's. */
  readonly peft?: PeftForm<F, T, S>;
}

export const defineAdapter = <F extends Fields, T extends string = never, S extends string = never>(
  def: AdapterDef<F, T, S>,
): AdapterDef<F, T, S> => def;

/** The erased form, for code that treats all methods alike. */
export type AnyAdapter = AdapterDef<Fields, string, string>;

export const dropoutOf = ({ dropout = 0 }: Readonly<Record<string, number>>): number => dropout;

/** What a method may train of a model: the layers it is attached to, and the model's own tensors. */
export interface Outline {
  readonly layers: readonly SiteShape[];
  readonly parameters: readonly { readonly name: string; readonly shape: readonly number[] }[];
}

/** Trainable numbers, without a head. */
export function countParameters(def: AnyAdapter, { layers, parameters }: Outline, settings: Settings<Fields>): number {
  const own = parameters.filter(({ name }) => def.trains?.(name)).reduce((sum, { shape }) => sum + numel(shape), 0);
  return countAdded(def, layers, settings) + own;
}

/** The numbers it adds to the layers. */
export const countAdded = (def: Pick<AnyAdapter, "trainable">, layers: readonly SiteShape[], settings: Settings<Fields>): number =>
  counter(def, layers)(settings);

/** The same as a function of the settings that asks once per kind of layer: `match` tries a thousand settings on each move of a slider. */
export function counter(def: Pick<AnyAdapter, "trainable">, layers: readonly SiteShape[]): (settings: Settings<Fields>) => number {
  const kinds = new Map<string, { readonly layer: SiteShape; times: number }>();
  for (const layer of layers) {
    const key = `${layer.in} ${layer.out}`;
    const kind = kinds.get(key) ?? { layer, times: 0 };
    kind.times++;
    kinds.set(key, kind);
  }
  const each = [...kinds.values()];
  return (settings) =>
    each.reduce(
      (sum, { layer, times }) => sum + times * Object.values(def.trainable(layer, settings)).reduce((n, shape) => n + numel(shape), 0),
      0,
    );
}

/** The smallest side of all layers: a rank past it adds parameters and no direction. */
export const leastSide = (layers: readonly SiteShape[]): number => Math.min(...layers.map((layer) => Math.min(layer.in, layer.out)));

/** The whole number from `min` to `max` at which `count`, which rises with it, comes nearest to `budget`. */
export function nearest(min: number, max: number, budget: number, count: (value: number) => number): number {
  let [low, high] = [min, max];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (count(middle) < budget) low = middle + 1;
    else high = middle;
  }
  return low > min && budget - count(low - 1) <= Math.abs(count(low) - budget) ? low - 1 : low;
}

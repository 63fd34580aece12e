/** How a layer runs with a method attached to it: on its weight or on its activations. */
import { type AnyAdapter, dropoutOf, type Factors, type Fields, type Settings, type SiteShape } from "../adapters/adapter.ts";
import { add } from "../ops/add.ts";
import { factored } from "../ops/factored.ts";
import { layerscale } from "../ops/layerscale.ts";
import { matmul } from "../ops/matmul.ts";
import { rowscale } from "../ops/rowscale.ts";
import { unpack } from "../ops/unpack.ts";
import type { Tape } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A method attached to one layer. */
export interface Attached {
  readonly def: AnyAdapter;
  readonly settings: Settings<Fields>;
  readonly trainable: Readonly<Record<string, Tensor>>;
  readonly shared: Readonly<Record<string, Tensor>>;
  readonly seed: number;
  readonly stream: number;
}

/**
 * "activations": add gain · (x·downᵀ)·upᵀ to x·Wᵀ. "weight": form W_eff once per step and multiply by it; its gradient is projected on
 * what is trained. "factors": form W_eff likewise, but have the factors' gradients from the activations, without that of W_eff.
 */
export type Way = "weight" | "factors" | "activations";

/**
 * Multiply-adds of a product that is thin along one side count for more: it moves more numbers for each of them. A GPU runs it at
 * a third of its best rate where the side is 32 (measured on an H200).
 */
const thinness = (side: number): number => 1 + 64 / side;

/**
 * The cheapest way for `rows` rows of activations, by multiply-adds. On the activations every row passes both factors; otherwise they
 * are multiplied once, and training needs the gradient of the whole weight or two more products with each factor. A row scale needs
 * W_eff in any case, and a dropped input cannot be had from a weight.
 */
export function cheaperWay({ def, settings }: Pick<Attached, "def" | "settings">, layer: SiteShape, rows: number, training: boolean): Way {
  if (training && dropoutOf(settings) > 0) return "activations";
  const inner = def.inner(layer, settings);
  const area = layer.in * layer.out;
  const thin = inner * thinness(inner);
  const through = rows * thin * (layer.in + layer.out); // every row through both factors, there or back
  const costs: [Way, number][] = [
    ["weight", area * thin * (training ? 3 : 1) + (training ? rows * area : 0)],
    ["factors", area * thin + (training && !def.merge ? (def.frozenDown ? 1 : 2) * through : Infinity)],
    ["activations", def.rowScale ? Infinity : through * (training ? 3 : 1)],
  ];
  return costs.reduce((best, one) => (one[1] < best[1] ? one : best))[0];
}

/** weight + ΔW (out, in), without a row scale. `zero` in place of the weight gives ΔW itself. */
export function withUpdate(tape: Tape, attached: Attached, layer: SiteShape, weight: Tensor): Tensor {
  const { def, settings, ...tensors } = attached;
  const parts = { tape, ...tensors };
  const full = weight.type === "f32" ? weight : tape.apply(unpack, { x: weight }, {});
  if (def.merge) return def.merge(parts, full, layer, settings);
  return def
    .factors(parts, layer, settings)
    .reduce(
      (sum, { up, gain, transposed = false, ...rest }) =>
        tape.apply(matmul, { a: up, b: scaledDown(tape, rest), add: sum }, { alpha: gain, transA: transposed, transB: transposed }),
      full,
    );
}

/** diag(middle) · down */
export const scaledDown = (tape: Tape, { down, middle }: Pick<Factors, "down" | "middle">): Tensor =>
  middle ? tape.apply(rowscale, { x: down, scale: middle }, {}) : down;

/**
 * x (rows, in) through W_eff, whose factors get their gradients from the activations; `bias` and `add` as in a matmul. A row scale is
 * a function of W + ΔW as a constant.
 */
export function onFactors(
  tape: Tape,
  attached: Attached,
  layer: SiteShape,
  weight: Tensor,
  x: Tensor,
  rest: { readonly bias?: Tensor; readonly add?: Tensor },
): Tensor {
  const { def, settings, ...tensors } = attached;
  const parts = { tape, ...tensors };
  const [term, ...others] = def.factors(parts, layer, settings);
  if (!term || others.length) throw new Error(`${def.title} has more to it than one pair of factors`);
  const { gain, transposed = false, ...factors } = term;
  const w = weight.type === "f32" ? weight : tape.apply(unpack, { x: weight }, {});
  const scale = def.rowScale?.(parts, withUpdate(tape, attached, layer, w));
  return tape.apply(factored, { x, w, ...factors, ...(scale && { scale }), ...rest }, { gain, transposed });
}

/** W_eff (out, in). */
export function mergedWeight(tape: Tape, attached: Attached, layer: SiteShape, weight: Tensor): Tensor {
  const { def, settings: _, ...tensors } = attached;
  const merged = withUpdate(tape, attached, layer, weight);
  if (!def.rowScale) return merged;
  return tape.apply(rowscale, { x: merged, scale: def.rowScale({ tape, ...tensors }, merged) }, {});
}

/**
 * `base` (rows, out), which holds W·x + bias for the whole input, changed to what the method makes of it; the weight stays
 * untouched. `x` (rows, in) is what the update sees: the input, or what a dropout left of it. As PEFT, a row scale g gives
 * base + (g − 1) ⊙ W·x + g ⊙ ΔW·x, so that the bias is not scaled.
 */
export function onActivations(tape: Tape, attached: Attached, layer: SiteShape, weight: Tensor, x: Tensor, base: Tensor): Tensor {
  const { def, settings, ...tensors } = attached;
  const parts = { tape, ...tensors };
  const update = (start: Tensor) =>
    def.factors(parts, layer, settings).reduce((sum, { up, gain, transposed = false, ...rest }) => {
      const hidden = tape.apply(matmul, { a: x, b: scaledDown(tape, rest) }, { transB: !transposed });
      return tape.apply(matmul, { a: hidden, b: up, add: sum }, { transB: !transposed, alpha: gain });
    }, start);
  if (!def.rowScale) return update(base);
  const scale = def.rowScale(parts, withUpdate(tape, attached, layer, weight));
  const frozen = tape.apply(matmul, { a: x, b: weight }, { transB: true });
  return tape.apply(layerscale, { x: update(frozen), gamma: scale, add: tape.apply(add, { a: base, b: frozen }, { factor: -1 }) }, {});
}

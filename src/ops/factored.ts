import { partsOf, stackOf } from "../tensor/stack.ts";
import { numel, reshape, type Tensor } from "../tensor/tensor.ts";
import { divide } from "./divide.ts";
import { layerscale } from "./layerscale.ts";
import { multiply } from "./matmul.ts";
import { defineOp, type Named, type Recorder } from "./op.ts";
import { byBlocks, columnSum, columnSums } from "./reduce.ts";
import { scaled } from "./rowscale.ts";

export interface Factored {
  readonly gain: number;
  /** up is stored (R, out) and down (in, R); without a middle. */
  readonly transposed?: boolean;
}

type Inputs = Named<"x" | "w" | "up" | "down", "middle" | "scale" | "bias" | "add">;

/**
 * y (rows, out) = x (rows, in) · Wᵀ + bias (out) + add (rows, out), W = diag(scale (out)) · (w + gain · up (out, R) · diag(middle (R))
 * · down (R, in)). W is formed once, so the update costs the activations nothing. On the way back the factors' gradients are had
 * without that of W: with h = x · downᵀ, G = gain · dyᵀ · h and u = gain · dy · diag(scale) · up, they are dup = diag(scale) · G ·
 * diag(middle), dmiddle = the column sums of diag(scale) · up ⊙ G, and ddown = diag(middle) · uᵀ · x. That is the cheapest way where R is
 * well below in and out. A scale's gradient comes from y itself, and is zero where the scale is. w has no gradient.
 * All but x may be stacked, for several layers on the same x, and y (stack, rows, out) with them; down may then be the same for all.
 */
export const factored = defineOp<"x" | "w" | "up" | "down", "middle" | "scale" | "bias" | "add", Factored>({
  name: "factored",
  absorbs: ["x"],
  forward(r, { x, w, up, down, middle, scale, bias, add }, { gain, transposed = false }) {
    if (middle && transposed) throw new Error("factored: a diagonal between transposed factors is not handled");
    const flags = { transA: transposed, transB: transposed };
    const sum = multiply(r, up, middle ? scaled(r, down, middle) : down, { ...flags, alpha: gain }, undefined, w);
    const merged = scale ? scaled(r, sum, scale) : sum;
    const y = multiply(r, x, merged, { transB: true }, bias, add);
    return { y, saved: scale ? { merged, y } : { merged } };
  },
  backward(r, x, saved, dy, need, { gain, transposed = false }, prior) {
    if (need.w) throw new Error("factored: the weight is frozen; only its factors have gradients");
    const { middle, scale } = x;
    const isStack = dy.shape.length === 3;
    const grads: { -readonly [K in keyof Inputs]?: Tensor } = { add: dy };
    if (need.x) grads.x = multiply(r, dy, saved.merged as Tensor, { summed: isStack }, undefined, prior.x);
    if (need.up || need.middle) {
      const hidden = multiply(r, x.x, x.down, { transB: !transposed });
      const [a, b] = transposed ? [hidden, dy] : [dy, hidden];
      const product = onOut(r, multiply(r, a, b, { transA: true, alpha: gain }), scale, transposed);
      if (need.up) grads.up = byColumn(r, product, middle);
      if (need.middle && middle) grads.middle = columnProducts(r, x.up, product);
    }
    if (need.down) {
      if (isStack && x.down.shape.length < 3) throw new Error("factored: what is the same for all of a stack has no gradient");
      const error = multiply(r, dy, onOut(r, x.up, scale, transposed), { transB: transposed, alpha: gain });
      const [a, b] = transposed ? [x.x, error] : [error, x.x];
      const product = multiply(r, a, b, { transA: true });
      grads.down = middle ? scaled(r, product, middle) : product;
    }
    if (need.scale && scale) grads.scale = ofScale(r, x, saved.y as Tensor, dy, scale);
    if (need.bias) grads.bias = columnSums(r, dy);
    return grads;
  },
});

/** x (out, R), or transposed (R, out), with each of the `out` times its number of `scale`, if there is one. */
const onOut = (r: Recorder, x: Tensor, scale: Tensor | undefined, transposed: boolean): Tensor =>
  scale && !transposed ? scaled(r, x, scale) : byColumn(r, x, scale);

/** x (rows, D) with each column times its number of `gamma` (D), if there is one. */
const byColumn = (r: Recorder, x: Tensor, gamma: Tensor | undefined): Tensor => (gamma ? each(r, scaleColumns, x, gamma) : x);

/** The column sums (D) of a ⊙ b (rows, D). */
const columnProducts = (r: Recorder, a: Tensor, b: Tensor): Tensor => each(r, sumProducts, a, b);

type Two = (r: Recorder, a: Tensor, b: Tensor) => Tensor;
const scaleColumns: Two = (r, x, gamma) => layerscale.backward?.(r, { x, gamma, add: x }, {}, x, { x: true }, {}, {}).x as Tensor;
const sumProducts: Two = (r, a, b) => layerscale.backward?.(r, { x: a, gamma: b, add: a }, {}, b, { gamma: true }, {}, {}).gamma as Tensor;

/** One by one where a (rows, D) is stacked. */
const each = (r: Recorder, one: Two, a: Tensor, b: Tensor): Tensor => {
  if (a.shape.length < 3) return one(r, a, b);
  const others = partsOf(b);
  return stackOf(
    r,
    partsOf(a).map((part, i) => one(r, part, others[i] as Tensor)),
  );
};

function ofScale(r: Recorder, { bias, add }: Inputs, y: Tensor, dy: Tensor, scale: Tensor): Tensor {
  const [rows, d] = y.shape.slice(-2) as [number, number];
  const split = (x: Tensor) =>
    y.shape.length < 3 ? [x] : partsOf(reshape(x, [y.shape[0] as number, numel(x.shape) / (y.shape[0] as number)]));
  const { blocks, overrides, ...launch } = byBlocks(r, rows, d);
  const [dys, biases, adds] = [split(dy), bias && split(bias), add && split(add)];
  const sums = split(y).map((one, i) => {
    const parts = r.out([blocks, d]);
    const gradient = dys[i] as Tensor;
    r.run({
      shader: "factored",
      entry: "partials",
      buffers: { y: one, dy: gradient, bias: biases?.[i] ?? gradient, add: adds?.[i] ?? gradient, parts },
      params: { rows, d },
      overrides: { ...overrides, HAS_BIAS: Number(bias !== undefined), HAS_ADD: Number(add !== undefined) },
      ...launch,
    });
    return columnSum(r, parts);
  });
  const a = y.shape.length < 3 ? (sums[0] as Tensor) : stackOf(r, sums);
  return divide.forward(r, { a: reshape(a, scale.shape), b: scale }, {}).y;
}

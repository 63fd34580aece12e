import type { Tensor } from "../tensor/tensor.ts";
import { divide } from "./divide.ts";
import { layerscale } from "./layerscale.ts";
import { multiply } from "./matmul.ts";
import { defineOp, type Named, type Recorder } from "./op.ts";
import { byBlocks, columnSum } from "./reduce.ts";
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
 * without that of W: with h = x · downᵀ and u = gain · dy · diag(scale) · up, they are dup = gain · diag(scale) · dyᵀ · h ·
 * diag(middle), ddown = diag(middle) · uᵀ · x, and dmiddle = the column sums of u ⊙ h. That is the cheapest way where R is well below
 * in and out. A scale's gradient comes from y itself, and is zero where the scale is. w has no gradient.
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
    const grads: { -readonly [K in keyof Inputs]?: Tensor } = { add: dy };
    if (need.x) grads.x = multiply(r, dy, saved.merged as Tensor, {}, undefined, prior.x);
    const hidden = need.up || need.middle ? multiply(r, x.x, x.down, { transB: !transposed }) : x.x;
    if (need.up) {
      const [a, b] = transposed ? [hidden, dy] : [dy, hidden];
      const product = multiply(r, a, b, { transA: true, alpha: gain });
      grads.up = onOut(r, byColumn(r, product, middle), scale, transposed);
    }
    if (need.down || need.middle) {
      const error = multiply(r, dy, onOut(r, x.up, scale, transposed), { transB: transposed, alpha: gain });
      if (need.middle && middle) {
        grads.middle = layerscale.backward?.(r, { x: hidden, gamma: middle, add: hidden }, {}, error, { gamma: true }, {}, {})
          .gamma as Tensor;
      }
      const [a, b] = transposed ? [x.x, error] : [error, x.x];
      if (need.down) grads.down = middle ? scaled(r, multiply(r, a, b, { transA: true }), middle) : multiply(r, a, b, { transA: true });
    }
    if (need.scale && scale) grads.scale = ofScale(r, x, saved.y as Tensor, dy, scale);
    if (need.bias) grads.bias = columnSum(r, dy);
    return grads;
  },
});

/** x (out, R), or transposed (R, out), with each of the `out` times its number of `scale`, if there is one. */
const onOut = (r: Recorder, x: Tensor, scale: Tensor | undefined, transposed: boolean): Tensor =>
  scale && !transposed ? scaled(r, x, scale) : byColumn(r, x, scale);

/** x (rows, D) with each column times its number of `gamma` (D), if there is one. */
function byColumn(r: Recorder, x: Tensor, gamma: Tensor | undefined): Tensor {
  if (!gamma) return x;
  return layerscale.backward?.(r, { x, gamma, add: x }, {}, x, { x: true }, {}, {}).x as Tensor;
}

function ofScale(r: Recorder, { bias, add }: Inputs, y: Tensor, dy: Tensor, scale: Tensor): Tensor {
  const [rows, d] = y.shape as [number, number];
  const { blocks, overrides, ...launch } = byBlocks(r, rows, d);
  const parts = r.out([blocks, d]);
  r.run({
    shader: "factored",
    entry: "partials",
    buffers: { y, dy, bias: bias ?? dy, add: add ?? dy, parts },
    params: { rows, d },
    overrides: { ...overrides, HAS_BIAS: Number(bias !== undefined), HAS_ADD: Number(add !== undefined) },
    ...launch,
  });
  return divide.forward(r, { a: columnSum(r, parts), b: scale }, {}).y;
}

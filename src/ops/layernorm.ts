import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, type Recorder, rowWidth } from "./op.ts";
import { byBlocks, columnSum } from "./reduce.ts";

/**
 * y (rows, D) = (x − mean) / √(variance + eps) · gamma (D) + beta (D), over each row of x (rows, D); biased variance, as
 * PyTorch's LayerNorm. Saves mean (rows) and rstd (rows). Ba et al. 2016, arXiv:1607.06450.
 */
export const layernorm = defineOp<"x" | "gamma" | "beta", never, { readonly eps: number }>({
  name: "layernorm",
  recomputed: true,
  absorbs: ["x"],
  forward(r, { x, gamma, beta }, { eps }) {
    const [rows, d] = x.shape as [number, number];
    if (numel(gamma.shape) !== d || numel(beta.shape) !== d)
      throw new Error(`layernorm: gamma (${gamma.shape}) and beta (${beta.shape}) do not fit x (${x.shape})`);
    const [y, mean, rstd] = [r.out(x.shape), r.out([rows]), r.out([rows])];
    r.run({
      entry: "forward",
      buffers: { x, gamma, beta, y, mean, rstd },
      params: { rows, d, eps },
      ...byRows(r, rows, d),
    });
    return { y, saved: { mean, rstd } };
  },
  backward(r, { x, gamma }, saved, dy, need, { eps }, prior) {
    const [rows, d] = x.shape as [number, number];
    const statistics = { saved_mean: saved.mean as Tensor, saved_rstd: saved.rstd as Tensor };
    const grads: { x?: Tensor; gamma?: Tensor; beta?: Tensor } = {};
    if (need.x) {
      grads.x = r.out(x.shape);
      r.run({
        entry: "backward",
        buffers: { x, gamma, ...statistics, dy, prior: prior.x ?? dy, dx: grads.x },
        params: { rows, d, eps },
        ...byRows(r, rows, d, prior.x !== undefined),
      });
    }
    if (need.gamma || need.beta) {
      const { blocks, ...launch } = byBlocks(r, rows, d);
      const [dgamma_parts, dbeta_parts] = [r.out([blocks, d]), r.out([blocks, d])];
      r.run({
        shader: "layernorm",
        entry: "partials",
        buffers: { x, ...statistics, dy, dgamma_parts, dbeta_parts },
        params: { rows, d, eps },
        ...launch,
      });
      if (need.gamma) grads.gamma = columnSum(r, dgamma_parts);
      if (need.beta) grads.beta = columnSum(r, dbeta_parts);
    }
    return grads;
  },
  onnx: (g, { x, gamma, beta }, { eps }) => g.node("LayerNormalization", [x, gamma, beta], { axis: -1, epsilon: { real: eps } }),
});

/** The most vectors of four that an invocation holds of a row, and the most invocations that share one. */
const HELD = 4;
const MOST_LANES = 256;

/** The kernel for rows of D numbers, and its launch: on a GPU, which is slowed by waiting and not by sums, they are held where they can be. */
function byRows(r: Recorder, rows: number, d: number, isAdded = false) {
  const ADD = Number(isAdded);
  if (r.software || d % 4 || d > 4 * HELD * MOST_LANES)
    return { shader: "layernorm", groups: flatGroups(rows, 1), overrides: { WG: rowWidth(r), ADD } };
  const LANES = 2 ** Math.max(0, Math.ceil(Math.log2(d / 4 / HELD)));
  const WG = Math.max(128, LANES);
  return {
    shader: "layernorm_held",
    groups: flatGroups(rows, WG / LANES),
    overrides: { WG, LANES, ADD },
    knobs: { HELD: Math.ceil(d / 4 / LANES) },
  };
}

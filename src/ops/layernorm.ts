import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, type Recorder, rowWidth } from "./op.ts";

/** Rows whose share of dgamma and dbeta one invocation sums: short enough to fill a GPU, long enough to leave few shares. */
const BLOCK = 32;
const MAX_BLOCKS = 1024;

/**
 * y (rows, D) = (x − mean) / √(variance + eps) · gamma (D) + beta (D), over each row of x (rows, D); biased variance, as
 * PyTorch's LayerNorm. Saves mean (rows) and rstd (rows). Ba et al. 2016, arXiv:1607.06450.
 */
export const layernorm = defineOp<"x" | "gamma" | "beta", never, { readonly eps: number }>({
  name: "layernorm",
  absorbs: ["x"],
  forward(r, { x, gamma, beta }, { eps }) {
    const [rows, d] = x.shape as [number, number];
    if (numel(gamma.shape) !== d || numel(beta.shape) !== d)
      throw new Error(`layernorm: gamma (${gamma.shape}) and beta (${beta.shape}) do not fit x (${x.shape})`);
    const [y, mean, rstd] = [r.out(x.shape), r.out([rows]), r.out([rows])];
    r.run({
      shader: "layernorm",
      entry: "forward",
      buffers: { x, gamma, beta, y, mean, rstd },
      params: { rows, d, block: 0, eps },
      groups: flatGroups(rows, 1),
      overrides: { WG: rowWidth(r) },
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
        shader: "layernorm",
        entry: "backward",
        buffers: { x, gamma, ...statistics, dy, prior: prior.x ?? dy, dx: grads.x },
        params: { rows, d, block: 0, eps },
        groups: flatGroups(rows, 1),
        overrides: { WG: rowWidth(r), ADD: Number(prior.x !== undefined) },
      });
    }
    if (need.gamma || need.beta) {
      const block = Math.max(BLOCK, Math.ceil(rows / MAX_BLOCKS));
      const blocks = Math.ceil(rows / block);
      const [dgamma_parts, dbeta_parts] = [r.out([blocks, d]), r.out([blocks, d])];
      r.run({
        shader: "layernorm",
        entry: "partials",
        buffers: { x, ...statistics, dy, dgamma_parts, dbeta_parts },
        params: { rows, d, block, eps },
        groups: [Math.ceil(d / 64), blocks],
      });
      if (need.gamma) grads.gamma = sumRows(r, dgamma_parts);
      if (need.beta) grads.beta = sumRows(r, dbeta_parts);
    }
    return grads;
  },
  onnx: (g, { x, gamma, beta }, { eps }) => g.node("LayerNormalization", [x, gamma, beta], { axis: -1, epsilon: { real: eps } }),
});

/** (n), the sum over the rows of x (rows, n). */
function sumRows(r: Recorder, x: Tensor): Tensor {
  const [rows, n] = x.shape as [number, number];
  const y = r.out([n]);
  r.run({
    shader: "reduce",
    entry: "columns",
    buffers: { x, y },
    params: { n, rows },
    groups: flatGroups(n, 1),
    overrides: { WG: rowWidth(r) },
  });
  return y;
}

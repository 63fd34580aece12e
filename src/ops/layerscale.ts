import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, rowWidth } from "./op.ts";

/** Rows whose share of dgamma one invocation sums: short enough to fill a GPU, long enough to leave few shares. */
const BLOCK = 32;
const MAX_BLOCKS = 1024;

/** y (rows, D) = add (rows, D) + gamma (D) ⊙ x (rows, D). Touvron et al. 2021, arXiv:2103.17239, section 2. */
export const layerscale = defineOp<"x" | "gamma" | "add">({
  name: "layerscale",
  absorbs: ["x"],
  forward(r, { x, gamma, add }) {
    const [rows, d] = x.shape as [number, number];
    if (numel(gamma.shape) !== d || numel(add.shape) !== rows * d)
      throw new Error(`layerscale: gamma (${gamma.shape}) and add (${add.shape}) do not fit x (${x.shape})`);
    const y = r.out(x.shape);
    const params = { rows, d, block: 0 };
    r.run({ shader: "layerscale", entry: "forward", buffers: { x, gamma, add, y }, params, groups: flatGroups(rows * d) });
    return { y };
  },
  backward(r, { x, gamma }, _saved, dy, need, _cfg, prior) {
    const [rows, d] = x.shape as [number, number];
    const grads: { x?: Tensor; gamma?: Tensor; add?: Tensor } = { add: dy };
    if (need.x) {
      grads.x = r.out(x.shape);
      r.run({
        shader: "layerscale",
        entry: "backward",
        buffers: { gamma, dy, prior: prior.x ?? dy, dx: grads.x },
        params: { rows, d, block: 0 },
        groups: flatGroups(rows * d),
        overrides: { ADD: Number(prior.x !== undefined) },
      });
    }
    if (need.gamma) {
      const block = Math.max(BLOCK, Math.ceil(rows / MAX_BLOCKS));
      const blocks = Math.ceil(rows / block);
      const parts = r.out([blocks, d]);
      grads.gamma = r.out(gamma.shape);
      r.run({
        shader: "layerscale",
        entry: "partials",
        buffers: { x, dy, dgamma_parts: parts },
        params: { rows, d, block },
        groups: [Math.ceil(d / 64), blocks],
        overrides: { WG: 64 },
      });
      r.run({
        shader: "reduce",
        entry: "columns",
        buffers: { x: parts, y: grads.gamma },
        params: { n: d, rows: blocks },
        groups: flatGroups(d, 1),
        overrides: { WG: rowWidth(r) },
      });
    }
    return grads;
  },
  onnx: (g, { x, gamma, add }) => g.node("Add", [add, g.node("Mul", [x, gamma])]),
});

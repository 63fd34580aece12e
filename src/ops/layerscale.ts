import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";
import { byBlocks, columnSum } from "./reduce.ts";

/** y (rows, D) = add (rows, D) + gamma (D) ⊙ x (rows, D). Touvron et al. 2021, arXiv:2103.17239, section 2. */
export const layerscale = defineOp<"x" | "gamma" | "add">({
  name: "layerscale",
  absorbs: ["x"],
  forward(r, { x, gamma, add }) {
    const [rows, d] = x.shape as [number, number];
    if (numel(gamma.shape) !== d || numel(add.shape) !== rows * d)
      throw new Error(`layerscale: gamma (${gamma.shape}) and add (${add.shape}) do not fit x (${x.shape})`);
    const y = r.out(x.shape);
    r.run({ shader: "layerscale", entry: "forward", buffers: { x, gamma, add, y }, params: { rows, d }, groups: flatGroups(rows * d) });
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
        params: { rows, d },
        groups: flatGroups(rows * d),
        overrides: { ADD: Number(prior.x !== undefined) },
      });
    }
    if (need.gamma) {
      const { blocks, ...launch } = byBlocks(r, rows, d);
      const parts = r.out([blocks, d]);
      r.run({
        shader: "layerscale",
        entry: "partials",
        buffers: { x, dy, dgamma_parts: parts },
        params: { rows, d },
        ...launch,
      });
      grads.gamma = columnSum(r, parts);
    }
    return grads;
  },
  onnx: (g, { x, gamma, add }) => g.node("Add", [add, g.node("Mul", [x, gamma])]),
});

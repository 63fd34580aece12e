import { numel, reshape, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, rowWidth } from "./op.ts";

/** y (rows, D) = exp(scale ()) · x: the logits of cosines, as CLIP's logit_scale makes them. Radford et al. 2021, arXiv:2103.00020, figure 3. */
export const temperature = defineOp<"x" | "scale">({
  name: "temperature",
  forward(r, { x, scale }) {
    if (numel(scale.shape) !== 1) throw new Error(`temperature: scale (${scale.shape}) must be one number`);
    const [rows, d] = x.shape as [number, number];
    const y = r.out(x.shape);
    r.run({ shader: "temperature", entry: "forward", buffers: { x, scale, y }, params: { rows, d }, groups: flatGroups(rows * d) });
    return { y };
  },
  backward(r, { x, scale }, _saved, dy, need) {
    const [rows, d] = x.shape as [number, number];
    const params = { rows, d };
    const grads: { x?: Tensor; scale?: Tensor } = {};
    if (need.x) {
      grads.x = r.out(x.shape);
      r.run({ shader: "temperature", entry: "backward", buffers: { scale, dy, dx: grads.x }, params, groups: flatGroups(rows * d) });
    }
    if (need.scale) {
      const overrides = { WG: rowWidth(r) };
      const parts = r.out([rows]);
      const y = r.out([1]);
      r.run({
        shader: "temperature",
        entry: "partials",
        buffers: { x, scale, dy, dscale_parts: parts },
        params,
        groups: flatGroups(rows, 1),
        overrides,
      });
      r.run({ shader: "reduce", entry: "columns", buffers: { x: parts, y }, params: { n: 1, rows }, groups: [1], overrides });
      grads.scale = reshape(y, scale.shape);
    }
    return grads;
  },
  onnx: (g, { x, scale }) => g.node("Mul", [x, g.node("Exp", [scale])]),
});

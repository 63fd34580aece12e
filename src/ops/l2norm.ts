import type { Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, rowWidth } from "./op.ts";

/** y (rows, D) = x / ‖x‖ over each row, without an epsilon, as CLIP's features; a row of zeros stays zero. Saves 1 / ‖x‖ (rows). */
export const l2norm = defineOp<"x">({
  name: "l2norm",
  forward(r, { x }) {
    const [rows, d] = x.shape as [number, number];
    const [y, inverse] = [r.out(x.shape), r.out([rows])];
    r.run({
      shader: "l2norm",
      entry: "forward",
      buffers: { x, y, inverse },
      params: { rows, d },
      groups: flatGroups(rows, 1),
      overrides: { WG: rowWidth(r) },
    });
    return { y, saved: { inverse } };
  },
  backward(r, { x }, saved, dy, need) {
    if (!need.x) return {};
    const [rows, d] = x.shape as [number, number];
    const dx = r.out(x.shape);
    const buffers = { x, saved_inverse: saved.inverse as Tensor, dy, dx };
    r.run({
      shader: "l2norm",
      entry: "backward",
      buffers,
      params: { rows, d },
      groups: flatGroups(rows, 1),
      overrides: { WG: rowWidth(r) },
    });
    return { x: dx };
  },
  onnx(g, { x }) {
    // Below 1e-19 the squares of the kernel are zero, and so is y.
    const length = g.node("Max", [g.node("ReduceL2", [x], { axes: [1] }), g.floats([1e-19])]);
    return g.node("Div", [x, length]);
  },
});

import { defineOp, flatGroups } from "./op.ts";

/** y (rows, D) = silu(g) ⊙ u, where g and u are the halves of each row of x (rows, 2·D). Shazeer 2020, arXiv:2002.05202, equation 5. */
export const swiglu = defineOp<"x">({
  name: "swiglu",
  recomputed: true,
  forward(r, { x }) {
    const [rows, width] = x.shape as [number, number];
    if (width % 2) throw new Error(`swiglu: the rows of x (${x.shape}) have no two halves`);
    const d = width / 2;
    const y = r.out([rows, d]);
    r.run({ shader: "swiglu", entry: "forward", buffers: { x, y }, params: { rows, d }, groups: flatGroups(rows * d) });
    return { y };
  },
  backward(r, { x }, _saved, dy, need) {
    if (!need.x) return {};
    const [rows, d] = dy.shape as [number, number];
    const dx = r.out(x.shape);
    r.run({ shader: "swiglu", entry: "backward", buffers: { x, dy, dx }, params: { rows, d }, groups: flatGroups(rows * d) });
    return { x: dx };
  },
  onnx(g, { x }, _cfg, shapes) {
    const d = (shapes.x[1] as number) / 2;
    const half = (first: number) => g.node("Slice", [x, g.integers([first]), g.integers([first + d]), g.integers([1])]);
    const gate = half(0);
    return g.node("Mul", [g.node("Mul", [gate, g.node("Sigmoid", [gate])]), half(d)]);
  },
});

import { numel } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

/** y = a + factor · b, all of one shape. */
export const add = defineOp<"a" | "b", never, { factor: number }>({
  name: "add",
  forward(r, { a, b }, { factor }) {
    const y = r.out(a.shape);
    const n = numel(a.shape);
    r.run({ shader: "elementwise", entry: "add", buffers: { a, b, y }, params: { n, factor }, groups: flatGroups(n / 4) });
    return { y };
  },
  backward(r, { b }, _saved, dy, need, { factor }) {
    if (!need.b || factor === 1) return { a: dy, b: dy };
    const db = r.out(b.shape);
    const n = numel(b.shape);
    r.run({ shader: "elementwise", entry: "scale", buffers: { a: dy, y: db }, params: { n, factor }, groups: flatGroups(n / 4) });
    return { a: dy, b: db };
  },
  onnx: (g, { a, b }, { factor }) => g.node("Add", [a, factor === 1 ? b : g.node("Mul", [b, g.floats([factor])])]),
});

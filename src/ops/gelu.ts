import { numel } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

export interface Gelu {
  /** "exact" is PyTorch's GELU, "tanh" its `approximate="tanh"`, "quick" is x · sigmoid(1.702 x) of OpenAI's CLIP. */
  readonly kind: "exact" | "tanh" | "quick";
}
const KIND: Readonly<Record<Gelu["kind"], number>> = { exact: 0, tanh: 1, quick: 2 };

/** y = x · c(x), c a cumulative distribution, in any shape. Hendrycks and Gimpel 2016, arXiv:1606.08415. */
export const gelu = defineOp<"x", never, Gelu>({
  name: "gelu",
  recomputed: true,
  forward(r, { x }, { kind }) {
    const y = r.out(x.shape);
    const n = numel(x.shape);
    r.run({
      shader: "gelu",
      entry: "forward",
      buffers: { x, y },
      params: { n },
      groups: flatGroups(n / 4),
      overrides: { KIND: KIND[kind] },
    });
    return { y };
  },
  backward(r, { x }, _saved, dy, need, { kind }) {
    if (!need.x) return {};
    const dx = r.out(x.shape);
    const n = numel(x.shape);
    r.run({
      shader: "gelu",
      entry: "backward",
      buffers: { x, dy, dx },
      params: { n },
      groups: flatGroups(n / 4),
      overrides: { KIND: KIND[kind] },
    });
    return { x: dx };
  },
  onnx(g, { x }, { kind }) {
    const times = (a: string, factor: number) => g.node("Mul", [a, g.floats([factor])]);
    if (kind === "quick") return g.node("Mul", [x, g.node("Sigmoid", [times(x, 1.702)])]);
    const cubic = () => g.node("Add", [x, times(g.node("Mul", [x, g.node("Mul", [x, x])]), 0.044715)]);
    const inner = kind === "exact" ? g.node("Erf", [times(x, Math.SQRT1_2)]) : g.node("Tanh", [times(cubic(), Math.sqrt(2 / Math.PI))]);
    return times(g.node("Mul", [x, g.node("Add", [inner, g.floats([1])])]), 0.5);
  },
});

import { defineOracle } from "./op.ts";
import { swiglu } from "./swiglu.ts";

export default defineOracle({
  op: swiglu,
  reference({ x }, shapes) {
    const d = (shapes.x[1] as number) / 2;
    return Float64Array.from({ length: x.length / 2 }, (_, i) => {
      const at = i + Math.floor(i / d) * d;
      const g = x[at]!;
      return (g / (1 + Math.exp(-g))) * x[at + d]!;
    });
  },
  differentiable: ["x"],
  cases: [
    { name: "smallest", shapes: { x: [1, 2] }, cfg: {}, tolerance: 1e-6 },
    { name: "odd", shapes: { x: [7, 2 * 61] }, cfg: {}, tolerance: 1e-6 },
    { name: "on the left", shapes: { x: [5, 64] }, cfg: {}, offset: { x: -6 }, tolerance: 1e-6 },
    { name: "on the right", shapes: { x: [5, 64] }, cfg: {}, offset: { x: 6 }, tolerance: 1e-6 },
    { name: "far on the left", shapes: { x: [3, 6] }, cfg: {}, offset: { x: -1e9 } },
    { name: "far on the right", shapes: { x: [3, 6] }, cfg: {}, offset: { x: 1e15 } },
  ],
});

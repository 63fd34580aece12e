import { corner } from "./corner.ts";
import { defineOracle } from "./op.ts";

export default defineOracle({
  op: corner,
  reference({ x }, shapes, { rows, cols }) {
    const stride = shapes.x[1] as number;
    return Float64Array.from({ length: rows * cols }, (_, i) => x[Math.floor(i / cols) * stride + (i % cols)]!);
  },
  differentiable: [],
  cases: [
    { name: "smallest", shapes: { x: [1, 1] }, cfg: { rows: 1, cols: 1 } },
    { name: "odd", shapes: { x: [23, 29] }, cfg: { rows: 19, cols: 17 } },
    { name: "large values are copied as they are", shapes: { x: [3, 5] }, cfg: { rows: 2, cols: 5 }, offset: { x: 1e6 }, tolerance: 1e-7 },
  ],
});

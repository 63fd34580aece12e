import { defineOracle } from "./op.ts";
import { rownorm } from "./rownorm.ts";

export default defineOracle({
  op: rownorm,
  reference({ x }, shapes) {
    const [rows, d] = shapes.x as [number, number];
    return Float64Array.from({ length: rows }, (_, row) =>
      Math.sqrt(x.subarray(row * d, (row + 1) * d).reduce((sum, v) => sum + v * v, 0)),
    );
  },
  differentiable: [],
  cases: [
    { name: "smallest", shapes: { x: [1, 1] }, cfg: {} },
    { name: "odd", shapes: { x: [7, 131] }, cfg: {} },
    { name: "more rows than one direction of a launch has", shapes: { x: [65_539, 2] }, cfg: {} },
    { name: "long rows", shapes: { x: [3, 771] }, cfg: {} },
    { name: "large mean", shapes: { x: [3, 100] }, cfg: {}, offset: { x: 1000 } },
    { name: "large numbers", shapes: { x: [2, 7] }, cfg: {}, offset: { x: 1e15 } },
  ],
});

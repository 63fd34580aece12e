import { l2norm } from "./l2norm.ts";
import { defineOracle } from "./op.ts";

export default defineOracle({
  op: l2norm,
  reference({ x }, shapes) {
    const [rows, d] = shapes.x as [number, number];
    const y = new Float64Array(rows * d);
    for (let row = 0; row < rows; row++) {
      let square = 0;
      for (let i = row * d; i < (row + 1) * d; i++) square += x[i]! ** 2;
      for (let i = row * d; i < (row + 1) * d; i++) y[i] = square === 0 ? 0 : x[i]! / Math.sqrt(square);
    }
    return y;
  },
  differentiable: ["x"],
  cases: [
    { name: "smallest", shapes: { x: [1, 1] }, cfg: {} },
    { name: "odd", shapes: { x: [5, 131] }, cfg: {} },
    { name: "realistic", shapes: { x: [4, 64] }, cfg: {} },
    { name: "more rows than one direction of a launch has", shapes: { x: [65_539, 2] }, cfg: {}, offset: { x: 3 } },
    // All rows point nearly the same way; dx is what remains of dy across that way.
    { name: "large mean", shapes: { x: [3, 100] }, cfg: {}, offset: { x: 1000 } },
    { name: "large numbers", shapes: { x: [2, 7] }, cfg: {}, offset: { x: 1e15 } },
  ],
});

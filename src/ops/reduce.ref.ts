import { defineOracle } from "./op.ts";
import { reduce } from "./reduce.ts";

export default defineOracle({
  op: reduce,
  reference({ x }, shapes) {
    const [rows, d] = shapes.x as [number, number];
    const y = new Float64Array(d);
    for (let i = 0; i < rows * d; i++) y[i % d]! += x[i]!;
    return y;
  },
  differentiable: [],
  cases: [
    { name: "smallest", shapes: { x: [1, 1] }, cfg: {} },
    { name: "odd", shapes: { x: [7, 67] }, cfg: {} },
    { name: "the most rows of one block", shapes: { x: [128, 32] }, cfg: {} },
    { name: "two blocks, the last one short", shapes: { x: [129, 33] }, cfg: {} },
    { name: "many blocks", shapes: { x: [1001, 31] }, cfg: {} },
    { name: "the most blocks", shapes: { x: [8191, 2] }, cfg: {} },
    { name: "blocks of many columns", shapes: { x: [300, 8200] }, cfg: {} },
    { name: "large mean", shapes: { x: [1000, 5] }, cfg: {}, offset: { x: 1000 } },
  ],
});

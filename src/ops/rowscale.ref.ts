import { defineOracle } from "./op.ts";
import { rowscale } from "./rowscale.ts";

const on = (rows: number, d: number) => ({ x: [rows, d], scale: [rows] });

export default defineOracle({
  op: rowscale,
  reference({ x, scale }, shapes) {
    const d = shapes.x.at(-1)!;
    return Float64Array.from({ length: scale.length * d }, (_, i) => x[i % x.length]! * scale[Math.floor(i / d)]!);
  },
  differentiable: ["x", "scale"],
  cases: [
    { name: "smallest", shapes: on(1, 1), cfg: {} },
    { name: "odd", shapes: on(7, 131), cfg: {} },
    { name: "more rows than one direction of a launch has", shapes: on(65_539, 2), cfg: {} },
    { name: "stack", shapes: { x: [3, 5, 70], scale: [3, 5] }, cfg: {} },
    { name: "long rows", shapes: on(3, 771), cfg: {} },
    // dscale sums terms of 1000 that cancel.
    { name: "large mean", shapes: on(5, 200), cfg: {}, offset: { x: 1000, scale: 10 } },
  ],
});

import { defineOracle } from "./op.ts";
import { rowscale } from "./rowscale.ts";

const on = (rows: number, d: number) => ({ x: [rows, d], scale: [rows] });

export default defineOracle({
  op: rowscale,
  reference: ({ x, scale }, shapes) => x.map((v, i) => v * scale[Math.floor(i / shapes.x[1]!)]!),
  differentiable: ["x", "scale"],
  cases: [
    { name: "smallest", shapes: on(1, 1), cfg: {} },
    { name: "odd", shapes: on(7, 131), cfg: {} },
    { name: "more rows than one direction of a launch has", shapes: on(65_539, 2), cfg: {} },
    { name: "long rows", shapes: on(3, 771), cfg: {} },
    // dscale sums terms of 1000 that cancel.
    { name: "large mean", shapes: on(5, 200), cfg: {}, offset: { x: 1000, scale: 10 } },
  ],
});

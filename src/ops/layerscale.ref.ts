import { layerscale } from "./layerscale.ts";
import { defineOracle } from "./op.ts";

const on = (rows: number, d: number) => ({ x: [rows, d], gamma: [d], add: [rows, d] });

export default defineOracle({
  op: layerscale,
  reference: ({ x, gamma, add }) => x.map((v, i) => add[i]! + gamma[i % gamma.length]! * v),
  differentiable: ["x", "gamma", "add"],
  cases: [
    { name: "smallest", shapes: on(1, 1), cfg: {} },
    { name: "odd", shapes: on(5, 67), cfg: {} },
    { name: "many blocks of rows", shapes: on(301, 35), cfg: {} },
    { name: "more elements than one direction of a launch has", shapes: on(65_539, 2), cfg: {} },
    // Both terms are about 10,000 and differ by little; an ulp of 10,000 is 1e-3.
    { name: "cancelling", shapes: on(7, 9), cfg: {}, offset: { x: 100, gamma: 100, add: -1e4 }, tolerance: 2e-3 },
  ],
});

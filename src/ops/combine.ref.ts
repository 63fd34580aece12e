import { combine } from "./combine.ts";
import { defineOracle } from "./op.ts";

const on = (n: number) => ({ base: [n], weights: [3], a: [n], b: [n], c: [n] });

export default defineOracle({
  op: combine,
  reference: ({ base, weights, a, b, c }) =>
    base.map((v, i) => [a, b, c].reduce((sum, x, k) => sum + (x ? (weights[k] as number) * (x[i] as number) : 0), v)),
  differentiable: [],
  cases: [
    { name: "smallest", shapes: { base: [1], weights: [3, 1], a: [1], b: [1], c: [1] }, cfg: {} },
    { name: "odd", shapes: { ...on(7), base: [7, 37], a: [7, 37], b: [7, 37], c: [7, 37] }, cfg: {} },
    { name: "one of three", shapes: { base: [1025], weights: [3], b: [1025] }, cfg: {} },
    { name: "two of three", shapes: { base: [130], weights: [3], a: [130], c: [130] }, cfg: {} },
    { name: "cancelling", shapes: on(257), cfg: {}, offset: { base: 1000, a: -1000 }, tolerance: 1e-3 },
  ],
});

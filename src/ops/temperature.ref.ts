import { defineOracle } from "./op.ts";
import { temperature } from "./temperature.ts";

export default defineOracle({
  op: temperature,
  reference: ({ x, scale }) => x.map((v) => Math.exp(scale[0]!) * v),
  differentiable: ["x", "scale"],
  cases: [
    { name: "smallest", shapes: { x: [1, 1], scale: [1] }, cfg: {} },
    { name: "odd", shapes: { x: [7, 61], scale: [] }, cfg: {} },
    { name: "more rows than one direction of a launch has", shapes: { x: [65_539, 1], scale: [] }, cfg: {}, tolerance: 5e-5 },
    // CLIP's cosines times 100: exp must be good to a few ulp, and the share of each row is of one sign.
    { name: "as CLIP's", shapes: { x: [5, 100], scale: [] }, cfg: {}, offset: { x: 3, scale: 4.6 } },
  ],
});

import { type Gelu, gelu } from "./gelu.ts";
import { defineOracle } from "./op.ts";

/** By the series of Abramowitz and Stegun 7.1.6, whose terms are all of one sign: no cancellation anywhere. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const DEFINITION: Readonly<Record<Gelu["kind"], (x: number) => number>> = {
  exact: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  tanh: (x) => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2,
  quick: (x) => x / (1 + Math.exp(-1.702 * x)),
};

export default defineOracle<"x", never, Gelu>({
  op: gelu,
  reference: ({ x }, _shapes, { kind }) => x.map(DEFINITION[kind]),
  differentiable: ["x"],
  cases: [
    { name: "smallest", shapes: { x: [1] }, cfg: { kind: "exact" }, tolerance: 1e-6 },
    // The approximations are good to a few ulp: the default tolerance would not see a wrong last term.
    { name: "exact, odd", shapes: { x: [7, 61] }, cfg: { kind: "exact" }, tolerance: 1e-6 },
    { name: "tanh, odd", shapes: { x: [7, 61] }, cfg: { kind: "tanh" }, tolerance: 1e-6 },
    { name: "quick, odd", shapes: { x: [7, 61] }, cfg: { kind: "quick" }, tolerance: 1e-6 },
    { name: "quick, several workgroups", shapes: { x: [3, 683] }, cfg: { kind: "quick" }, tolerance: 1e-6 },
    { name: "exact, on the left", shapes: { x: [300] }, cfg: { kind: "exact" }, offset: { x: -3 }, tolerance: 1e-6 },
    { name: "exact, on the right", shapes: { x: [5, 64] }, cfg: { kind: "exact" }, offset: { x: 3 }, tolerance: 1e-6 },
    { name: "tanh, on the left", shapes: { x: [300] }, cfg: { kind: "tanh" }, offset: { x: -3 }, tolerance: 1e-6 },
    { name: "exact, far on the left", shapes: { x: [9] }, cfg: { kind: "exact" }, offset: { x: -1e9 } },
    { name: "tanh, far on the right", shapes: { x: [9] }, cfg: { kind: "tanh" }, offset: { x: 1e20 } },
    { name: "quick, far on the right", shapes: { x: [9] }, cfg: { kind: "quick" }, offset: { x: 1e30 } },
    { name: "quick, far on the left", shapes: { x: [9] }, cfg: { kind: "quick" }, offset: { x: -1e4 } },
  ],
});

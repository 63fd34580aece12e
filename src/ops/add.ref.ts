import { add } from "./add.ts";
import { defineOracle } from "./op.ts";

const on = (n: number) => ({ a: [n], b: [n] });

export default defineOracle({
  op: add,
  reference: ({ a, b }, _shapes, { factor }) => a.map((v, i) => v + factor * (b[i] as number)),
  differentiable: ["a", "b"],
  cases: [
    { name: "smallest", shapes: on(1), cfg: { factor: 1 } },
    { name: "odd", shapes: { a: [7, 37], b: [7, 37] }, cfg: { factor: -0.5 } },
    { name: "one more than a workgroup adds", shapes: on(1025), cfg: { factor: 2 } },
    { name: "cancelling", shapes: on(257), cfg: { factor: -1 }, offset: { a: 1000, b: 1000 } },
  ],
});

import { divide } from "./divide.ts";
import { defineOracle } from "./op.ts";

const on = (n: number) => ({ a: [n], b: [n] });

export default defineOracle({
  op: divide,
  reference: ({ a, b }) => a.map((v, i) => (b[i] === 0 ? 0 : v / b[i]!)),
  differentiable: ["a", "b"],
  cases: [
    { name: "smallest", shapes: on(1), cfg: {}, offset: { b: 3 } },
    { name: "odd", shapes: on(267), cfg: {}, offset: { b: -4 } },
    { name: "large by small", shapes: on(65), cfg: {}, offset: { a: 1e6, b: 1.6 } },
  ],
});

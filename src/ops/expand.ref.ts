import { expand } from "./expand.ts";
import { defineOracle } from "./op.ts";

const on = (rank: number, bases: number, small: number, spare = 0) => ({
  a: [rank, small + spare],
  lambda: [rank, bases],
  gamma: [bases, small],
});

export default defineOracle({
  op: expand,
  reference({ a, lambda, gamma }, shapes) {
    const [rank, bases] = shapes.lambda as [number, number];
    const [stride, small] = [shapes.a[1] as number, shapes.gamma[1] as number];
    const y = new Float64Array(rank * bases * small);
    for (let k = 0; k < rank; k++) {
      for (let b = 0; b < bases; b++) {
        for (let j = 0; j < small; j++)
          y[(k * bases + b) * small + j] = lambda[k * bases + b]! * a[k * stride + j]! * gamma[b * small + j]!;
      }
    }
    return y;
  },
  differentiable: ["lambda", "gamma"],
  cases: [
    { name: "smallest", shapes: on(1, 1, 1), cfg: {} },
    { name: "odd, from a larger A", shapes: on(3, 5, 71, 2), cfg: {} },
    { name: "rank above bases", shapes: on(7, 2, 12), cfg: {} },
    { name: "cancelling sums", shapes: on(2, 3, 40), cfg: {}, offset: { gamma: 100 }, tolerance: 1e-4 },
  ],
});

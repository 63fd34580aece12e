import { hash } from "../tensor/random.ts";
import { mix } from "./mix.ts";
import { defineOracle } from "./op.ts";

const random = { seed: 3, stream: 5, bound: 1, start: 0 };

export default defineOracle({
  op: mix,
  reference({ c }, shapes, { shape, seed, stream, bound, start }) {
    const m = shape.reduce((a, b) => a * b, 1);
    const n = shapes.c[0]!;
    const columns = c.length / n;
    const drawn = (b: number, e: number) => (hash(seed, stream, Math.floor(b / 3) * m + e)[b % 3]! >>> 8) * 2 ** -23 - 1;
    return Float64Array.from({ length: m }, (_, e) => {
      let sum = start * drawn(n, e);
      for (let b = 0; b < n; b++) sum += bound * c[b * columns + (e % columns)]! * drawn(b, e);
      return sum;
    });
  },
  differentiable: ["c"],
  cases: [
    { name: "smallest", shapes: { c: [1] }, cfg: { ...random, shape: [1, 1] } },
    { name: "odd, with a start", shapes: { c: [7] }, cfg: { ...random, shape: [5, 31], start: 0.3, bound: 0.7 } },
    { name: "weights per column", shapes: { c: [8, 13] }, cfg: { ...random, shape: [11, 13], seed: 4_294_967_295 } },
    { name: "many tensors in slices", shapes: { c: [600] }, cfg: { ...random, shape: [3, 5], start: 1 }, tolerance: 1e-4 },
    { name: "few slices", shapes: { c: [50] }, cfg: { ...random, shape: [9, 7] }, tolerance: 1e-4 },
    { name: "large tensors in slices", shapes: { c: [2, 3] }, cfg: { ...random, shape: [901, 3] }, tolerance: 1e-4 },
    { name: "cancelling sums", shapes: { c: [99] }, cfg: { ...random, shape: [6, 7] }, offset: { c: 100 }, tolerance: 1e-3 },
  ],
});

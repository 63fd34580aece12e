import { factored } from "./factored.ts";
import { defineOracle } from "./op.ts";

const on = (rows: number, inner: number, out: number, rank: number, transposed = false) => ({
  x: [rows, inner],
  w: [out, inner],
  up: transposed ? [rank, out] : [out, rank],
  down: transposed ? [inner, rank] : [rank, inner],
});

export default defineOracle({
  op: factored,
  reference({ x, w, up, down, middle, scale, bias, add }, shapes, { gain, transposed }) {
    const [rows, inner] = shapes.x as [number, number];
    const out = shapes.w.at(-2)!;
    const rank = shapes.up.at(transposed ? -2 : -1)!;
    const stack = w.length / (out * inner);
    const y = new Float64Array(stack * rows * out);
    for (let s = 0; s < stack; s++) {
      const one = <T extends Float64Array | undefined>(all: T, size: number) =>
        (all && all.length > size ? all.subarray(s * size, (s + 1) * size) : all) as T;
      const [u, d, m] = [one(up, out * rank), one(down, rank * inner), one(middle, rank)];
      for (let o = 0; o < out; o++) {
        const row = Float64Array.from({ length: inner }, (_, i) => {
          let sum = 0;
          for (let k = 0; k < rank; k++) {
            sum += u[transposed ? k * out + o : o * rank + k]! * (m?.[k] ?? 1) * d[transposed ? i * rank + k : k * inner + i]!;
          }
          return (one(scale, out)?.[o] ?? 1) * (one(w, out * inner)[o * inner + i]! + gain * sum);
        });
        for (let t = 0; t < rows; t++) {
          let sum = (one(bias, out)?.[o] ?? 0) + (one(add, rows * out)?.[t * out + o] ?? 0);
          for (let i = 0; i < inner; i++) sum += x[t * inner + i]! * row[i]!;
          y[(s * rows + t) * out + o] = sum;
        }
      }
    }
    return y;
  },
  differentiable: ["x", "up", "down", "middle", "scale", "bias", "add"],
  cases: [
    { name: "smallest", shapes: on(1, 1, 1, 1), cfg: { gain: 1 } },
    { name: "odd, with all", shapes: { ...on(37, 19, 23, 5), middle: [5], scale: [23], bias: [23], add: [37, 23] }, cfg: { gain: 0.5 } },
    { name: "odd, transposed factors", shapes: { ...on(21, 13, 35, 7, true), bias: [35] }, cfg: { gain: 2, transposed: true } },
    { name: "odd, transposed factors, scaled", shapes: { ...on(9, 14, 11, 3, true), scale: [11] }, cfg: { gain: 1, transposed: true } },
    {
      name: "in fours, scaled",
      shapes: { ...on(132, 16, 36, 4), scale: [36], bias: [36], add: [132, 36] },
      cfg: { gain: 2 },
      offset: { scale: 1 },
      tolerance: 5e-5,
    },
    { name: "in fours", shapes: { ...on(36, 40, 28, 8), bias: [28], add: [36, 28] }, cfg: { gain: 2 } },
    { name: "in fours, with a diagonal", shapes: { ...on(68, 24, 36, 12), middle: [12] }, cfg: { gain: 1 } },
    {
      name: "stack, scaled",
      shapes: { x: [16, 16], w: [2, 64, 16], up: [2, 64, 4], down: [2, 4, 16], scale: [2, 64], bias: [2, 64] },
      cfg: { gain: 2 },
      offset: { scale: 1 },
      tolerance: 5e-5,
    },
    { name: "cancelling", shapes: { ...on(16, 24, 12, 4), add: [16, 12] }, cfg: { gain: 1 }, offset: { x: 30 }, tolerance: 3e-4 },
  ],
});

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
    const out = shapes.w[0] as number;
    const rank = (transposed ? shapes.up[0] : shapes.up[1]) as number;
    const y = new Float64Array(rows * out);
    for (let o = 0; o < out; o++) {
      const row = Float64Array.from({ length: inner }, (_, i) => {
        let sum = 0;
        for (let k = 0; k < rank; k++) {
          sum += up[transposed ? k * out + o : o * rank + k]! * (middle?.[k] ?? 1) * down[transposed ? i * rank + k : k * inner + i]!;
        }
        return (scale?.[o] ?? 1) * (w[o * inner + i]! + gain * sum);
      });
      for (let t = 0; t < rows; t++) {
        let sum = (bias?.[o] ?? 0) + (add?.[t * out + o] ?? 0);
        for (let i = 0; i < inner; i++) sum += x[t * inner + i]! * row[i]!;
        y[t * out + o] = sum;
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
    { name: "cancelling", shapes: { ...on(16, 24, 12, 4), add: [16, 12] }, cfg: { gain: 1 }, offset: { x: 30 }, tolerance: 3e-4 },
  ],
});

import { type Matmul, matmul } from "./matmul.ts";
import { defineOracle } from "./op.ts";

const on = (m: number, n: number, k: number, { transA, transB }: Matmul = {}) => ({
  a: transA ? [k, m] : [m, k],
  b: transB ? [n, k] : [k, n],
});

export default defineOracle({
  op: matmul,
  reference({ a, b, bias, add }, shapes, { transA, transB, alpha = 1 }) {
    const [rowsA, colsA] = shapes.a as [number, number];
    const [rowsB, colsB] = shapes.b as [number, number];
    const [m, k] = transA ? [colsA, rowsA] : [rowsA, colsA];
    const n = transB ? rowsB : colsB;
    const y = new Float64Array(m * n);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let l = 0; l < k; l++) sum += a[transA ? l * m + i : i * k + l]! * b[transB ? j * k + l : l * n + j]!;
        y[i * n + j] = alpha * sum + (bias?.[j] ?? 0) + (add?.[i * n + j] ?? 0);
      }
    }
    return y;
  },
  differentiable: ["a", "b", "bias", "add"],
  cases: [
    { name: "smallest", shapes: on(1, 1, 1), cfg: {} },
    { name: "odd, with bias and add", shapes: { ...on(37, 19, 23), bias: [19], add: [37, 19] }, cfg: { alpha: 0.5 } },
    { name: "odd, weight as PyTorch stores it", shapes: { ...on(35, 33, 31, { transB: true }), bias: [33] }, cfg: { transB: true } },
    { name: "both transposed", shapes: on(10, 12, 14, { transA: true, transB: true }), cfg: { transA: true, transB: true } },
    { name: "linear", shapes: { ...on(68, 36, 40, { transB: true }), bias: [36], add: [68, 36] }, cfg: { transB: true } },
    { name: "many tiles", shapes: on(132, 68, 20, { transB: true }), cfg: { transB: true } },
    {
      name: "gradient of a weight, sliced along k",
      shapes: on(36, 20, 600, { transA: true }),
      cfg: { transA: true, alpha: 2 },
      tolerance: 5e-5,
    },
    { name: "cancelling", shapes: on(8, 8, 64), cfg: {}, offset: { a: 100 }, tolerance: 2e-4 },
  ],
});

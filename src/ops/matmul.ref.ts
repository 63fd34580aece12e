import { type Matmul, matmul } from "./matmul.ts";
import { defineOracle } from "./op.ts";

const on = (m: number, n: number, k: number, { transA, transB }: Matmul = {}) => ({
  a: transA ? [k, m] : [m, k],
  b: transB ? [n, k] : [k, n],
});

export default defineOracle({
  op: matmul,
  reference({ a, b, bias, add }, shapes, { transA, transB, alpha = 1 }) {
    const [rowsA, colsA] = shapes.a.slice(-2) as [number, number];
    const [rowsB, colsB] = shapes.b.slice(-2) as [number, number];
    const [m, k] = transA ? [colsA, rowsA] : [rowsA, colsA];
    const n = transB ? rowsB : colsB;
    const stack = Math.max(a.length / (m * k), b.length / (k * n));
    const y = new Float64Array(stack * m * n);
    for (let s = 0; s < stack; s++) {
      const [fromA, fromB] = [a.length > m * k ? s * m * k : 0, b.length > k * n ? s * k * n : 0];
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let l = 0; l < k; l++) sum += a[fromA + (transA ? l * m + i : i * k + l)]! * b[fromB + (transB ? j * k + l : l * n + j)]!;
          const at = (s * m + i) * n + j;
          y[at] = alpha * sum + (bias?.[s * n + j] ?? 0) + (add?.[at] ?? 0);
        }
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
    // Thin ones: with their gradients they come in every tile of matmul_any.wgsl, whole and in slices.
    { name: "one column", shapes: on(300, 1, 22, { transB: true }), cfg: { transB: true }, tolerance: 5e-5 },
    { name: "six columns", shapes: on(299, 6, 21), cfg: { alpha: 0.5 }, tolerance: 5e-5 },
    { name: "three rows", shapes: { ...on(3, 70, 9), add: [3, 70] }, cfg: {} },
    {
      name: "few rows and columns, sliced along k",
      shapes: { ...on(5, 3, 400), bias: [3], add: [5, 3] },
      cfg: { alpha: 2 },
      tolerance: 5e-5,
    },
    { name: "one deep", shapes: { ...on(70, 67, 1), add: [70, 67] }, cfg: { alpha: 0.5 } },
    { name: "thin along k, both transposed", shapes: on(37, 66, 3, { transA: true, transB: true }), cfg: { transA: true, transB: true } },
    { name: "odd, several tiles", shapes: { ...on(67, 69, 35, { transA: true }), bias: [69] }, cfg: { transA: true } },
    {
      name: "linear, sliced along k",
      shapes: { ...on(6, 12, 300, { transB: true }), bias: [12], add: [6, 12] },
      cfg: { transB: true, alpha: 0.5 },
      tolerance: 5e-5,
    },
    { name: "one column, packed", shapes: on(67, 1, 301, { transB: true }), packed: { b: "bf16" }, cfg: { transB: true }, tolerance: 5e-5 },
    { name: "three rows, packed", shapes: on(3, 37, 19), packed: { b: "f16" }, cfg: {} },
    { name: "smallest, packed", shapes: on(1, 1, 1), packed: { b: "f16" }, cfg: {} },
    {
      name: "odd, packed, with bias and add",
      shapes: { ...on(37, 19, 23), bias: [19], add: [37, 19] },
      packed: { b: "bf16" },
      cfg: { alpha: 0.5 },
    },
    {
      name: "odd, packed weight as PyTorch stores it",
      shapes: { ...on(35, 33, 31, { transB: true }), bias: [33] },
      packed: { b: "f16" },
      cfg: { transB: true },
    },
    {
      name: "linear, packed weight",
      shapes: { ...on(68, 36, 40, { transB: true }), bias: [36], add: [68, 36] },
      packed: { b: "bf16" },
      cfg: { transB: true },
    },
    { name: "packed, sliced along k", shapes: on(36, 20, 600), packed: { b: "f16" }, cfg: { alpha: 2 }, tolerance: 5e-5 },
    // With their gradients they come stacked on either side, on both, and summed. Parts begin at multiples of 256 bytes.
    {
      name: "stack of weights, several tiles",
      shapes: { a: [132, 64], b: [3, 128, 64], bias: [3, 128], add: [3, 132, 128] },
      cfg: { transB: true },
      tolerance: 5e-5,
    },
    { name: "stack of pairs", shapes: { a: [2, 80, 16], b: [2, 16, 64], add: [2, 80, 64] }, cfg: { alpha: 0.5 } },
    { name: "stack of pairs, a transposed", shapes: { a: [2, 48, 64], b: [2, 48, 16] }, cfg: { transA: true } },
    {
      name: "stack of packed weights",
      shapes: { a: [68, 32], b: [2, 64, 32], bias: [2, 64] },
      packed: { b: "f16" },
      cfg: { transB: true },
    },
    {
      name: "stack sliced along k",
      shapes: { a: [2, 640, 16], b: [640, 64], add: [2, 16, 64] },
      cfg: { transA: true, alpha: 2 },
      tolerance: 5e-5,
    },
    { name: "cancelling, packed", shapes: on(8, 8, 64), packed: { b: "f16" }, cfg: {}, offset: { a: 100 }, tolerance: 2e-4 },
    { name: "cancelling", shapes: on(8, 8, 64), cfg: {}, offset: { a: 100 }, tolerance: 2e-4 },
  ],
});

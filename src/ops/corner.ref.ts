import { corner } from "./corner.ts";
import { defineOracle } from "./op.ts";

const WORDS = { integers: { x: 2 ** 32 } };

export default defineOracle({
  op: corner,
  reference({ x, levels }, shapes, { rows, cols, basis = 0 }) {
    const stride = shapes.x[1] as number;
    const perWord = !levels ? 1 : levels.length === 2 ? 16 : 4;
    const codes = 2 ** (32 / perWord);
    return Float64Array.from({ length: rows * cols }, (_, i) => {
      const col = i % cols;
      const word = x[Math.floor(i / cols) * stride + Math.floor(col / perWord)]!;
      if (!levels) return word;
      const code = Math.floor(word / codes ** (col % perWord)) % codes;
      return perWord === 4 ? levels[code]! : ((code % 2) - Math.floor(code / 2)) * levels[basis]!;
    });
  },
  differentiable: [],
  cases: [
    { name: "smallest", shapes: { x: [1, 1] }, cfg: { rows: 1, cols: 1 } },
    { name: "odd", shapes: { x: [23, 29] }, cfg: { rows: 19, cols: 17 } },
    { name: "large values are copied as they are", shapes: { x: [3, 5] }, cfg: { rows: 2, cols: 5 }, offset: { x: 1e6 }, tolerance: 1e-7 },
    { name: "of levels", shapes: { x: [7, 6], levels: [256] }, ...WORDS, cfg: { rows: 5, cols: 21 }, tolerance: 0 },
    { name: "of levels, one", shapes: { x: [1, 1], levels: [256] }, ...WORDS, cfg: { rows: 1, cols: 1 }, tolerance: 0 },
    { name: "of signs of A", shapes: { x: [5, 3], levels: [2] }, ...WORDS, cfg: { rows: 5, cols: 37, basis: 0 }, tolerance: 0 },
    { name: "of signs of B", shapes: { x: [9, 2], levels: [2] }, ...WORDS, cfg: { rows: 7, cols: 32, basis: 1 }, tolerance: 0 },
  ],
});

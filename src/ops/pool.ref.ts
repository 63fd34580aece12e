import { defineOracle } from "./op.ts";
import { pool } from "./pool.ts";

export default defineOracle({
  op: pool,
  reference({ x, rows }, shapes, { tokens, kind, from = 0 }) {
    const [count, d] = shapes.x as [number, number];
    const width = kind === "both" ? 2 * d : d;
    return Float64Array.from({ length: (count / tokens) * width }, (_, i) => {
      const b = Math.floor(i / width);
      const at = (t: number) => x[(b * tokens + t) * d + (i % d)]!;
      if (kind === "row" || (kind === "both" && i % width < d)) return at(Math.min(rows?.[b] ?? 0, tokens - 1));
      let sum = 0;
      for (let t = from; t < tokens; t++) sum += at(t);
      return sum / (tokens - from);
    });
  },
  differentiable: ["x"],
  cases: [
    { name: "smallest, row", shapes: { x: [1, 1], rows: [1] }, cfg: { tokens: 1, kind: "row" }, integers: { rows: 1 } },
    { name: "smallest, mean", shapes: { x: [1, 1] }, cfg: { tokens: 1, kind: "mean" } },
    { name: "odd, row", shapes: { x: [5 * 7, 61], rows: [5] }, cfg: { tokens: 7, kind: "row" }, integers: { rows: 7 } },
    { name: "odd, first row", shapes: { x: [5 * 7, 61] }, cfg: { tokens: 7, kind: "row" } },
    { name: "odd, mean", shapes: { x: [5 * 7, 61] }, cfg: { tokens: 7, kind: "mean" } },
    { name: "mean of patches", shapes: { x: [2 * 17, 64] }, cfg: { tokens: 17, kind: "mean", from: 1 } },
    { name: "smallest, both", shapes: { x: [1, 1] }, cfg: { tokens: 1, kind: "both" } },
    { name: "odd, both", shapes: { x: [3 * 7, 5] }, cfg: { tokens: 7, kind: "both", from: 3 } },
    { name: "both, a row within the mean", shapes: { x: [4 * 5, 9], rows: [4] }, cfg: { tokens: 5, kind: "both" }, integers: { rows: 5 } },
    { name: "rows beyond the tokens", shapes: { x: [4 * 3, 5], rows: [4] }, cfg: { tokens: 3, kind: "row" }, integers: { rows: 11_000 } },
    // A sum of 50 numbers near 1000 is off by a few ulp of 50,000 (4e-3), its mean by a fiftieth: 2e-7 of 1000.
    { name: "mean of large numbers", shapes: { x: [2 * 50, 3] }, cfg: { tokens: 50, kind: "mean" }, offset: { x: 1000 }, tolerance: 2e-6 },
  ],
});

import { embed } from "./embed.ts";
import { defineOracle } from "./op.ts";

const on = (batch: number, t: number, vocabulary: number, d: number, longest = t) => ({
  shapes: { ids: [batch * t], table: [vocabulary, d], positions: [longest, d] },
  cfg: { tokens: t },
  integers: { ids: vocabulary },
});

export default defineOracle({
  op: embed,
  reference({ ids, table, positions }, shapes, { tokens }) {
    const [vocabulary, d] = shapes.table as [number, number];
    const y = new Float64Array(ids.length * d);
    ids.forEach((id, row) => {
      for (let i = 0; i < d; i++) y[row * d + i] = table[Math.min(id, vocabulary - 1) * d + i]! + positions[(row % tokens) * d + i]!;
    });
    return y;
  },
  differentiable: ["table", "positions"],
  cases: [
    { name: "smallest", ...on(1, 1, 1, 1) },
    { name: "odd, fewer tokens than positions", ...on(5, 7, 13, 37, 11) },
    { name: "realistic", ...on(4, 16, 99, 64, 16) },
    { name: "odd, packed table", ...on(5, 7, 13, 37), packed: { table: "f16" } },
    { name: "packed table, ids beyond it", ...on(2, 3, 5, 8), integers: { ids: 11_000 }, packed: { table: "bf16" } },
    { name: "one id in all rows", ...on(3, 4, 1, 5) },
    { name: "most ids absent", ...on(2, 3, 101, 7) },
    { name: "ids beyond the table", ...on(3, 5, 4, 9), integers: { ids: 11_000 } },
    // Numbers of about 1000 and -1000 differ exactly, so nothing may be lost.
    { name: "cancelling", ...on(2, 6, 5, 8), offset: { table: 1000, positions: -1000 }, tolerance: 1e-6 },
  ],
});

import { defineOracle } from "./op.ts";
import { tokens } from "./tokens.ts";

const on = (batch: number, patches: number, d: number) => ({
  shapes: { patches: [batch * patches, d], cls: [d], positions: [patches + 1, d] },
  cfg: { batch },
});

export default defineOracle({
  op: tokens,
  reference({ patches, cls, positions }, shapes, { batch }) {
    const [t, d] = shapes.positions as [number, number];
    const y = new Float64Array(batch * t * d);
    for (let b = 0; b < batch; b++) {
      for (let row = 0; row < t; row++) {
        for (let i = 0; i < d; i++) {
          const token = row === 0 ? cls[i]! : patches[(b * (t - 1) + row - 1) * d + i]!;
          y[(b * t + row) * d + i] = token + positions[row * d + i]!;
        }
      }
    }
    return y;
  },
  differentiable: ["patches", "cls", "positions"],
  cases: [
    { name: "smallest", ...on(1, 1, 1) },
    { name: "odd", ...on(5, 9, 37) },
    { name: "realistic", ...on(3, 16, 64) },
    // Numbers of about 1000 and -1000 differ exactly, so nothing may be lost.
    { name: "cancelling", ...on(2, 4, 6), offset: { patches: 1000, cls: 1000, positions: -1000 }, tolerance: 1e-6 },
  ],
});

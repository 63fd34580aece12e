import { defineOracle } from "./op.ts";
import { tokens } from "./tokens.ts";

const on = (batch: number, patches: number, d: number, extra = 0, placed = extra) => ({
  shapes: {
    patches: [batch * patches, d],
    cls: [d],
    positions: [1 + placed + patches, d],
    ...(extra && { extra: [extra, d] }),
  },
  cfg: { batch },
});

export default defineOracle({
  op: tokens,
  reference({ patches, cls, positions, extra }, shapes, { batch }) {
    const [rows, d] = shapes.positions as [number, number];
    const each = patches.length / batch;
    const bare = cls.length + (extra?.length ?? 0) + each - rows * d; // numbers behind the class token that have no position
    return Float64Array.from(
      Array.from({ length: batch }, (_, b) => {
        const image = [...cls, ...(extra ?? []), ...patches.slice(b * each, (b + 1) * each)];
        return image.map((v, i) => v + (i < d ? positions[i]! : i < d + bare ? 0 : positions[i - bare]!));
      }).flat(),
    );
  },
  differentiable: ["patches", "cls", "positions", "extra"],
  cases: [
    { name: "smallest", ...on(1, 1, 1) },
    { name: "odd", ...on(5, 9, 37) },
    { name: "realistic", ...on(3, 16, 64) },
    { name: "with a distillation token", ...on(3, 4, 7, 1) },
    { name: "with registers, which have no position", ...on(2, 9, 13, 4, 0) },
    // Numbers of about 1000 and -1000 differ exactly, so nothing may be lost.
    { name: "cancelling", ...on(2, 4, 6, 2), offset: { patches: 1000, cls: 1000, extra: 1000, positions: -1000 }, tolerance: 1e-6 },
  ],
});

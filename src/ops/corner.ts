import { numel } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

export interface Corner {
  readonly rows: number;
  readonly cols: number;
  /** Ternary: which of the two magnitudes is x's, 0 for A and 1 for B. */
  readonly basis?: 0 | 1;
}

/**
 * y (rows, cols) as f32: the first rows and columns of the frozen matrix x. Without levels x is f32. With 256 levels it is u32 words
 * of four one-byte codes, which are indices of levels; with 2 it is u32 words of sixteen two-bit codes (bit 0 plus, bit 1 minus)
 * and levels are the magnitudes of RandLoRA's A and B.
 */
export const corner = defineOp<"x", "levels", Corner>({
  name: "corner",
  forward(r, { x, levels }, { rows, cols, basis = 0 }) {
    const BITS = !levels || x.type === "f32" ? 32 : numel(levels.shape) === 2 ? 2 : 8;
    const [height, stride] = x.shape as [number, number];
    const width = (stride * 32) / BITS;
    if (height < rows || width < cols) throw new Error(`corner: (${height}, ${width}) has no (${rows}, ${cols}) corner`);
    const y = r.out([rows, cols]);
    r.run({
      shader: "corner",
      entry: "forward",
      buffers: { x, levels: levels ?? x, y },
      params: { rows, cols, stride, basis },
      groups: flatGroups(rows * cols),
      overrides: { BITS },
    });
    return { y };
  },
});

import { numel } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

export interface Normalize {
  /** H = W of the images. */
  readonly size: number;
  /** Per channel, of values in 0 … 1. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/**
 * y (B, 3, size, size) = (byte / 255 − mean) / std. `pixels` holds the bytes R G B R G B … of B images row by row, four to a
 * u32 and without a gap between images. Throws unless the bytes are a whole number of images.
 */
export const normalize = defineOp<"pixels", never, Normalize>({
  name: "normalize",
  recomputed: true,
  forward(r, { pixels }, { size, mean, std }) {
    const bytes = 4 * numel(pixels.shape);
    const images = bytes / (3 * size * size);
    if (!Number.isInteger(images)) throw new Error(`normalize: ${bytes} bytes are not a whole number of ${size} × ${size} RGB images`);
    const y = r.out([images, 3, size, size]);
    const [mean_r, mean_g, mean_b] = mean;
    const [std_r, std_g, std_b] = std;
    r.run({
      shader: "normalize",
      entry: "forward",
      buffers: { pixels, y },
      params: { n: bytes, area: size * size, mean_r, mean_g, mean_b, std_r, std_g, std_b },
      groups: flatGroups(bytes),
    });
    return { y };
  },
});

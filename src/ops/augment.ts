import { numel, type Tensor } from "../tensor/tensor.ts";
import type { Normalize } from "./normalize.ts";
import { defineOp, flatGroups } from "./op.ts";

/**
 * y (B, 3, size, size) as `normalize` gives it, of images seen anew. `place` (B, 6) holds a, b, c, d, e, f per image: pixel (i, j) of y,
 * column and row, comes from (a·i + b·j + c, d·i + e·j + f) of the image, with pixel centres at whole numbers, the edge repeated beyond
 * the image and bilinear between pixels. Where it shrinks nothing more is done against aliasing.
 *
 * `tone` (B, 6), where it is given, then holds per image, in the order in which they are applied to values 0 … 255, each step's result
 * being limited to that range: brightness (a factor), contrast (a factor about the image's mean grey), saturation (a factor about each
 * pixel's grey), hue (circles), the value from which on v becomes 255 − v (256 for none), and how many levels are kept of the 256
 * (fewer than 2: all); the last two look at the nearest byte. 1, 1, 1, 0, 256, 0 changes nothing. Grey is 0.299 R + 0.587 G + 0.114 B.
 * As torchvision.transforms.v2 defines them, but for rounding. Throws unless the bytes are a whole number of images and there is a row for each.
 */
export const augment = defineOp<"pixels" | "place", "tone", Normalize>({
  name: "augment",
  recomputed: true,
  forward(r, { pixels, place, tone }, { size, mean, std }) {
    const images = place.shape[0] as number;
    if (4 * numel(pixels.shape) !== images * 3 * size * size)
      throw new Error(`augment: ${4 * numel(pixels.shape)} bytes are not ${images} RGB images of ${size} × ${size}`);
    const y = r.out([images, 3, size, size]);
    const [mean_r, mean_g, mean_b] = mean;
    const [std_r, std_g, std_b] = std;
    const n = images * size * size;
    const params = { n, size, mean_r, mean_g, mean_b, std_r, std_g, std_b };
    const run = (entry: string, buffers: Readonly<Record<string, Tensor>>, groups: readonly [number, number?], WG = 256) =>
      r.run({ shader: "augment", entry, buffers, params, groups, overrides: { WG } });
    if (!tone) {
      run("forward", { pixels, place, y }, flatGroups(n));
      return { y };
    }
    const grey = r.out([images]);
    run("grey", { pixels, place, tone, mean_grey: grey }, flatGroups(images, 1), r.software ? 8 : 256);
    run("toned", { pixels, place, tone, saved_grey: grey, y }, flatGroups(n));
    return { y };
  },
});

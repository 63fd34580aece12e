import { normalize } from "./normalize.ts";
import { defineOracle } from "./op.ts";

const CLIP = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] } as const;
/** Words are drawn below this; the offsets of the cases lift them so that every byte is tried with a value of its own. */
const MAX = 2 ** 32;

export default defineOracle({
  op: normalize,
  reference({ pixels }, _shapes, { size, mean, std }) {
    const bytes = new Uint8Array(Uint32Array.from(pixels).buffer);
    const area = size * size;
    const y = new Float64Array(bytes.length);
    bytes.forEach((byte, k) => {
      const [image, at, channel] = [Math.floor(k / (3 * area)), Math.floor(k / 3) % area, k % 3];
      y[(3 * image + channel) * area + at] = (byte / 255 - mean[channel]!) / std[channel]!;
    });
    return y;
  },
  differentiable: [],
  cases: [
    { name: "smallest", shapes: { pixels: [4, 3] }, cfg: { size: 2, ...CLIP }, integers: { pixels: MAX } },
    {
      name: "one pixel each, images begin within words",
      shapes: { pixels: [3] },
      cfg: { size: 1, ...CLIP },
      integers: { pixels: MAX },
      offset: { pixels: 9e4 },
    },
    {
      name: "odd, images begin within words",
      shapes: { pixels: [4 * 27 * 27] },
      cfg: { size: 36, ...CLIP },
      integers: { pixels: MAX },
      offset: { pixels: 2e5 },
    },
    {
      name: "odd size",
      shapes: { pixels: [3 * 15 * 15] },
      cfg: { size: 15, ...CLIP },
      integers: { pixels: MAX },
      offset: { pixels: 3.1e5 },
    },
    {
      name: "realistic",
      shapes: { pixels: [2, (3 * 32 * 32) / 4] },
      cfg: { size: 32, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
      integers: { pixels: MAX },
    },
    // 1 / std multiplies the rounding of byte / 255 - mean.
    {
      name: "tiny std",
      shapes: { pixels: [1, 48] },
      cfg: { size: 8, mean: [0.1, 0.2, 0.3], std: [1e-3, 2e-3, 3e-3] },
      integers: { pixels: MAX },
      offset: { pixels: 2e5 },
      tolerance: 1e-4,
    },
  ],
});

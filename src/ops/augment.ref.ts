import { augment } from "./augment.ts";
import { defineOracle } from "./op.ts";

const CLIP = { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] } as const;
/** Words are drawn below this; see normalize's cases. */
const MAX = 2 ** 32;

type Colour = readonly [number, number, number];
const limited = (c: Colour): Colour => c.map((v) => Math.min(255, Math.max(0, v))) as unknown as Colour;
const about = (middle: number, c: Colour, factor: number): Colour => limited(c.map((v) => middle + factor * (v - middle)) as never);
const greyOf = ([r, g, b]: Colour): number => 0.299 * r + 0.587 * g + 0.114 * b;

/** By way of hue, saturation and value, as the textbooks have it. */
function turned([r, g, b]: Colour, circles: number): Colour {
  const value = Math.max(r, g, b);
  const chroma = value - Math.min(r, g, b);
  if (chroma === 0) return [r, g, b];
  const sixth = value === r ? (g - b) / chroma : value === g ? 2 + (b - r) / chroma : 4 + (r - g) / chroma;
  const hue = (((sixth / 6 + circles) % 1) + 1) % 1;
  const [sector, part] = [Math.floor(6 * hue) % 6, 6 * hue - Math.floor(6 * hue)];
  const [low, falling, rising] = [value - chroma, value - chroma * part, value - chroma * (1 - part)];
  return (
    [
      [value, rising, low],
      [falling, value, low],
      [low, value, rising],
      [low, falling, value],
      [rising, low, value],
      [value, low, falling],
    ] as const
  )[sector]!;
}

export default defineOracle({
  op: augment,
  reference({ pixels, place, tone }, shapes, { size, mean, std }) {
    const bytes = new Uint8Array(Uint32Array.from(pixels).buffer);
    const images = shapes.place[0] as number;
    const limit = (v: number) => Math.min(size - 1, Math.max(0, v));
    const y = new Float64Array(images * 3 * size * size);
    for (let image = 0; image < images; image++) {
      const [a, b, c, d, e, f] = place.subarray(6 * image, 6 * image + 6) as unknown as [number, number, number, number, number, number];
      const at = (row: number, column: number): Colour => {
        const k = 3 * ((image * size + row) * size + column);
        return [bytes[k]!, bytes[k + 1]!, bytes[k + 2]!];
      };
      const placed = Array.from({ length: size * size }, (_, k): Colour => {
        const [i, j] = [k % size, Math.floor(k / size)];
        const [column, row] = [limit(a * i + b * j + c), limit(d * i + e * j + f)];
        const [left, top] = [Math.floor(column), Math.floor(row)];
        const sum = [0, 0, 0];
        for (const [y, down] of [top, Math.min(top + 1, size - 1)].entries())
          for (const [x, across] of [left, Math.min(left + 1, size - 1)].entries()) {
            const share = (y ? row - top : 1 - row + top) * (x ? column - left : 1 - column + left);
            at(down, across).forEach((v, channel) => {
              sum[channel]! += share * v;
            });
          }
        return sum as unknown as Colour;
      });
      const [brightness = 1, contrast = 1, saturation = 1, hue = 0, inverted = 256, levels = 0] = tone?.subarray(6 * image) ?? [];
      const bright = placed.map((c) => limited(c.map((v) => v * brightness) as never));
      const grey = bright.reduce((sum, c) => sum + greyOf(c), 0) / bright.length;
      const toned = (c: Colour): Colour => {
        const contrasted = about(grey, c, contrast);
        const saturated = about(greyOf(contrasted), contrasted, saturation);
        const solarized = limited(turned(saturated, hue)).map((v) => (Math.floor(v + 0.5) >= inverted ? 255 - v : v));
        return solarized.map((v) => (levels >= 2 ? (Math.floor((Math.floor(v + 0.5) * levels) / 256) * 256) / levels : v)) as never;
      };
      (tone ? bright.map(toned) : placed).forEach((colour, k) => {
        colour.forEach((v, channel) => {
          y[(3 * image + channel) * size * size + k] = (v / 255 - mean[channel]!) / std[channel]!;
        });
      });
    }
    return y;
  },
  differentiable: [],
  cases: [
    { name: "smallest", shapes: { pixels: [1, 3], place: [1, 6] }, cfg: { size: 2, ...CLIP }, integers: { pixels: MAX } },
    {
      name: "smallest, toned",
      shapes: { pixels: [1, 3], place: [1, 6], tone: [1, 6] },
      cfg: { size: 2, ...CLIP },
      integers: { pixels: MAX },
    },
    // A place at about 30 is known to 2⁻¹⁹, and a byte's neighbour may be 255 away.
    {
      name: "odd size, images begin within words",
      shapes: { pixels: [675], place: [4, 6] },
      cfg: { size: 15, ...CLIP },
      integers: { pixels: MAX },
      offset: { pixels: 2e5 },
      tolerance: 1e-4,
    },
    {
      name: "odd size, toned",
      shapes: { pixels: [675], place: [4, 6], tone: [4, 6] },
      cfg: { size: 15, ...CLIP },
      integers: { pixels: MAX },
      offset: { pixels: 2e5, tone: 1 },
      tolerance: 2e-4,
    },
    {
      name: "realistic, toned",
      shapes: { pixels: [3, (3 * 32 * 32) / 4], place: [3, 6], tone: [3, 6] },
      cfg: { size: 32, ...CLIP },
      integers: { pixels: MAX },
      offset: { tone: 0.6 },
      tolerance: 2e-4,
    },
    {
      name: "all beyond the edge",
      shapes: { pixels: [1, 48], place: [1, 6], tone: [1, 6] },
      cfg: { size: 8, ...CLIP },
      integers: { pixels: MAX },
      offset: { place: 1000, tone: 3 },
      tolerance: 2e-4,
    },
    {
      name: "all before the edge",
      shapes: { pixels: [1, 48], place: [1, 6] },
      cfg: { size: 8, ...CLIP },
      integers: { pixels: MAX },
      offset: { place: -1000 },
    },
  ],
});

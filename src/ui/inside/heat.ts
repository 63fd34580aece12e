/** Maps of attention over an image: which numbers, how they are spread over the pixels, and in which colours. */
import type { AttentionMaps, Gaze } from "../../train/attention.ts";

/** What is looked at of a gaze: one head of a block, the mean of its heads, or the rollout from it down. */
export interface Aspect {
  readonly block: number;
  readonly head: number | "mean" | "rollout";
}

/** (patches) */
export function mapOf(
  { direct, rollout }: Gaze,
  { heads, across }: Pick<AttentionMaps, "heads" | "across">,
  { block, head }: Aspect,
): Float32Array {
  const patches = across ** 2;
  if (head === "rollout") return rollout.slice(block * patches, (block + 1) * patches);
  const of = (one: number) => direct.subarray((block * heads + one) * patches, (block * heads + one + 1) * patches);
  if (head !== "mean") return of(head).slice();
  return Float32Array.from({ length: patches }, (_, i) => {
    let sum = 0;
    for (let one = 0; one < heads; one++) sum += of(one)[i] as number;
    return sum / heads;
  });
}

/** (size, size) from a map (across, across), bilinear: a patch's number holds at its middle, and beyond the outermost middles. */
export function spread(map: Float32Array, across: number, size: number): Float32Array {
  const places = Array.from({ length: size }, (_, pixel) => {
    const at = Math.max(0, Math.min(across - 1, ((pixel + 0.5) * across) / size - 0.5));
    const low = Math.min(Math.floor(at), Math.max(0, across - 2));
    return { low, high: Math.min(low + 1, across - 1), share: at - low };
  });
  const all = new Float32Array(size * size);
  places.forEach((y, row) => {
    places.forEach((x, column) => {
      const value = (r: number, c: number) => map[r * across + c] as number;
      const top = value(y.low, x.low) * (1 - x.share) + value(y.low, x.high) * x.share;
      const bottom = value(y.high, x.low) * (1 - x.share) + value(y.high, x.high) * x.share;
      all[row * size + column] = top * (1 - y.share) + bottom * y.share;
    });
  });
  return all;
}

type Rgb = readonly [number, number, number];

/** From dark to light, even to the eye and without hue alone (viridis). */
const RISING: readonly Rgb[] = [
  [68, 1, 84],
  [59, 82, 139],
  [33, 145, 140],
  [94, 201, 98],
  [253, 231, 37],
];
/** Less, none, more: blue, white, orange. */
const AROUND: readonly Rgb[] = [
  [0, 92, 171],
  [245, 245, 245],
  [204, 85, 0],
];

/** `share` in 0 … 1. */
function colour(stops: readonly Rgb[], share: number): Rgb {
  const at = Math.max(0, Math.min(1, share)) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const [a, b] = [stops[low] as Rgb, stops[low + 1] as Rgb];
  return [0, 1, 2].map((i) => (a[i] as number) + (at - low) * ((b[i] as number) - (a[i] as number))) as unknown as Rgb;
}

export interface Scale {
  /** The number at the end of the scale. */
  readonly most: number;
  /** It has a middle at 0: differences. */
  readonly isSigned: boolean;
}

const shareOn = ({ most, isSigned }: Scale, value: number): number => (isSigned ? 0.5 + value / (2 * most) : value / most);

/** The scale as a CSS gradient from left to right. */
export const gradient = ({ isSigned }: Scale): string =>
  `linear-gradient(90deg, ${(isSigned ? AROUND : RISING).map(([r, g, b]) => `rgb(${r} ${g} ${b})`).join(", ")})`;

/** RGBA of an image (size, size, 3) under numbers (size, size), which cover it by `opacity`, 0 … 1. */
export function heated(pixels: Uint8Array, values: Float32Array, scale: Scale, opacity: number): Uint8ClampedArray<ArrayBuffer> {
  const stops = scale.isSigned ? AROUND : RISING;
  const table = Array.from({ length: 256 }, (_, i) => colour(stops, i / 255));
  const rgba = new Uint8ClampedArray(values.length * 4).fill(255);
  values.forEach((value, i) => {
    const share = Math.max(0, Math.min(1, shareOn(scale, value)));
    const over = table[Math.round(255 * share)] as Rgb;
    for (let c = 0; c < 3; c++) rgba[4 * i + c] = (1 - opacity) * (pixels[3 * i + c] as number) + opacity * (over[c] as number);
  });
  return rgba;
}

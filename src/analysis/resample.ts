/** How sure an accuracy is: percentile intervals by resampling images, and seeds where there are several. */
import { accuracyInterval } from "./compare.ts";

const RESAMPLES = 4000;

/**
 * 95 % bootstrap percentile interval (Efron 1979) of a mean accuracy, both ends in 0 … 1. `hits[seed]` (images) holds 1 where the
 * answer was right; all seeds answered the same images.
 *
 * Seeds and images are drawn independently of each other, since every seed met every image (Owen 2007, "The pigeonhole bootstrap").
 * Of S seeds S − 1 are drawn: the spread of S draws would be too small by (S − 1) / S, which is a half for two (Rao and Wu 1988).
 * Where all answers are right, or none, resampling knows no doubt, and Wilson's interval for one seed stands in.
 */
export function bootstrapAccuracy(hits: readonly Uint8Array[]): readonly [number, number] {
  const [first] = hits;
  const images = first?.length ?? 0;
  if (!first || images === 0) return [0, 1];
  if (hits.some(({ length }) => length !== images)) throw new Error("bootstrapAccuracy: the seeds have different images.");
  const right = hits.reduce((sum, seed) => sum + count(seed), 0);
  if (right === 0 || right === images * hits.length) return accuracyInterval(right / hits.length, images);

  const random = stream(1);
  const seeds = Math.max(1, hits.length - 1);
  const times = new Uint32Array(images);
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    times.fill(0);
    for (let i = 0; i < images; i++) times[random(images)]!++;
    let sum = 0;
    for (let s = 0; s < seeds; s++) {
      const seed = hits[hits.length > 1 ? random(hits.length) : 0] as Uint8Array;
      for (let i = 0; i < images; i++) sum += seed[i]! * times[i]!;
    }
    return sum / (seeds * images);
  }).sort();
  return [quantile(means, 0.025), quantile(means, 0.975)];
}

const count = (hits: Uint8Array): number => hits.reduce((sum, hit) => sum + hit, 0);

/** Of ascending values, between neighbours by their distance, as NumPy has it. */
export function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)] as number, sorted[Math.ceil(at)] as number];
  return low + (high - low) * (at - Math.floor(at));
}

/** Whole numbers below `n`, from a 32-bit generator (Steele, Lea and Flood 2014): tens of millions are drawn for one interval. */
function stream(seed: number): (n: number) => number {
  let state = seed | 0;
  return (n) => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    z ^= z >>> 15;
    return Math.floor(((z >>> 0) / 2 ** 32) * n);
  };
}

/** Mean over the classes of the share of each that was right: (images) hits and labels. Classes without an image are left out. */
export function balancedAccuracy(hits: Uint8Array, labels: Uint32Array): number {
  const right = new Map<number, number>();
  const all = new Map<number, number>();
  labels.forEach((label, i) => {
    all.set(label, (all.get(label) ?? 0) + 1);
    right.set(label, (right.get(label) ?? 0) + (hits[i] ?? 0));
  });
  return [...all].reduce((sum, [label, images]) => sum + (right.get(label) ?? 0) / images, 0) / all.size;
}

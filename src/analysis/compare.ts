/** Whether a difference in accuracy means anything. */
import { criticalT, twoSided } from "./student.ts";

/** 97.5 % quantile of the standard normal. */
const Z = 1.959963984540054;
/** (97.5 % + 80 % quantile)²: what a true difference must be of its error, squared, to be found four times in five. */
const POWER = (Z + 0.8416212335729143) ** 2;
/** A p value below it counts as more than chance. */
export const LEVEL = 0.05;

/** Wilson's 95 % interval of an accuracy (Wilson 1927), both ends in 0 … 1. With no images it is [0, 1]. */
export function accuracyInterval(correct: number, images: number): readonly [number, number] {
  if (images === 0) return [0, 1];
  const share = correct / images;
  const shrink = 1 + Z ** 2 / images;
  const middle = (share + Z ** 2 / (2 * images)) / shrink;
  const half = (Z / shrink) * Math.sqrt((share * (1 - share)) / images + Z ** 2 / (4 * images ** 2));
  // Rounding must not push the ends past what they are in exact arithmetic.
  return [correct === 0 ? 0 : middle - half, correct === images ? 1 : middle + half];
}

export interface PairedComparison {
  readonly images: number;
  readonly seeds: number;
  /** 0 … 1, means over the seeds. */
  readonly accuracyA: number;
  readonly accuracyB: number;
  /** Answers, over all seeds, that only A, or only B, got right. */
  readonly onlyA: number;
  readonly onlyB: number;
  /** 95 % interval of accuracyA − accuracyB. */
  readonly low: number;
  readonly high: number;
  /** Two-sided; how often chance alone gives a difference at least as large. 1 when A and B agree on every image. */
  readonly p: number;
  /** Roughly how many images would show a difference of this size four times in five, with as many seeds; null where no number would. */
  readonly imagesNeeded: number | null;
  /** Roughly how many seeds it would take, where images alone would not do. */
  readonly seedsNeeded: number | null;
}

/**
 * Compares two methods on the same images under the same seeds: `a[seed]` and `b[seed]` (images) hold 1 where the answer was right.
 *
 * One seed: p is McNemar's exact test, which speaks of these two trained models on images like these and not of another seed.
 * Several: the greater of two p values. One flips the signs of the images' differences, exactly, and so asks about other images with
 * these models. The other treats images and seeds as drawn at random (crossed random effects; t with Satterthwaite's degrees of
 * freedom, after Clark 1973) and so asks about both. The interval is the second's, with half an image more on either side, so that no
 * disagreement does not read as no doubt (after Agresti and Min 2005). Throws when images or seeds differ.
 */
export function comparePaired(a: readonly Uint8Array[], b: readonly Uint8Array[]): PairedComparison {
  const images = a[0]?.length ?? 0;
  const seeds = a.length;
  if (b.length !== seeds) throw new Error(`comparePaired: ${seeds} seeds against ${b.length}.`);
  for (const hits of [...a, ...b]) {
    if (hits.length !== images) throw new Error(`comparePaired: ${images} images against ${hits.length}.`);
  }
  const byImage = new Int32Array(images);
  const bySeed = new Int32Array(seeds);
  let [correctA, correctB, onlyA, onlyB] = [0, 0, 0, 0];
  for (let s = 0; s < seeds; s++) {
    for (let i = 0; i < images; i++) {
      const [hitA, hitB] = [a[s]?.[i] as number, b[s]?.[i] as number];
      correctA += hitA;
      correctB += hitB;
      if (hitA > hitB) onlyA++;
      if (hitB > hitA) onlyB++;
      byImage[i]! += hitA - hitB;
      bySeed[s]! += hitA - hitB;
    }
  }
  const answers = seeds * images;
  const difference = answers > 0 ? (correctA - correctB) / answers : 0;
  const { error, freedom, perImage, betweenSeeds } = crossed(byImage, bySeed, onlyA + onlyB);
  const half = answers > 0 ? criticalT(LEVEL, freedom) * error : 1;
  const flipped = flipSigns(byImage);
  const left = difference ** 2 - (POWER * betweenSeeds) / seeds;
  return {
    images,
    seeds,
    accuracyA: correctA / answers,
    accuracyB: correctB / answers,
    onlyA,
    onlyB,
    low: Math.max(-1, difference - half),
    high: Math.min(1, difference + half),
    p: seeds > 1 ? Math.max(flipped, twoSided(difference / error, freedom)) : flipped,
    imagesNeeded: left > 0 ? Math.ceil((POWER * perImage) / left) : null,
    seedsNeeded: left <= 0 && difference !== 0 ? Math.ceil((2 * POWER * betweenSeeds) / difference ** 2) : null,
  };
}

/**
 * Standard error of the mean of d (seeds, images), each −1, 0 or 1 and given by its sums and the number of those that are not 0, when
 * both seeds and images are drawn: (MS_seeds + MS_images − MS_rest) / (seeds · images), never less than the images' part alone.
 */
function crossed(byImage: Int32Array, bySeed: Int32Array, apart: number) {
  const [images, seeds] = [byImage.length, bySeed.length];
  const total = byImage.reduce((sum, d) => sum + d, 0);
  const squares = (sums: Int32Array, of: number): number => sums.reduce((sum, d) => sum + d ** 2, 0) / of;
  const mean = total ** 2 / (seeds * images);
  const [ofSeeds, ofImages] = [squares(bySeed, images) - mean, squares(byImage, seeds) - mean];
  const rest = apart - mean - ofSeeds - ofImages;
  const msSeeds = seeds > 1 ? ofSeeds / (seeds - 1) : 0;
  // One image more that all seeds of A alone got right, and one of B, each counted half.
  const msImages = (ofImages + seeds) / (images + 1);
  const msRest = seeds > 1 && images > 1 ? Math.max(0, rest) / ((seeds - 1) * (images - 1)) : 0;
  const sum = Math.max(msImages, msSeeds + msImages - msRest);
  const spread = msImages ** 2 / (images + 1) + (seeds > 1 ? msSeeds ** 2 / (seeds - 1) : 0);
  const ofRest = seeds > 1 && images > 1 ? msRest ** 2 / ((seeds - 1) * (images - 1)) : 0;
  return {
    error: Math.sqrt(sum / (seeds * images)),
    freedom: Math.max(1, sum ** 2 / (spread + ofRest)),
    /** Variance of one image's difference, mean over these seeds. */
    perImage: msImages / seeds,
    betweenSeeds: Math.max(0, msSeeds - msRest) / Math.max(1, images),
  };
}

/**
 * Two-sided p value of the exact sign-flip test: how often the differences, each with a sign drawn by a fair coin, sum up to at least
 * as much on either side. With differences of −1, 0 and 1 it is McNemar's exact test.
 */
export function flipSigns(differences: Int32Array): number {
  const sizes = differences.filter((d) => d !== 0).map(Math.abs);
  const all = sizes.reduce((sum, size) => sum + size, 0);
  const observed = differences.reduce((sum, d) => sum + d, 0);
  // What falls to the smaller side: a number from 0 to `all`, whose distribution is built up size by size as far as it is needed.
  const least = (all - Math.abs(observed)) / 2;
  const chance = new Float64Array(least + 1);
  chance[0] = 1;
  for (const size of sizes) {
    for (let sum = least; sum >= 0; sum--) chance[sum] = (chance[sum]! + (sum >= size ? chance[sum - size]! : 0)) / 2;
  }
  return Math.min(1, 2 * chance.reduce((sum, share) => sum + share, 0));
}

/** p values corrected for being several (Holm 1979), in their order: at `LEVEL`, one true "no difference" in all is seldom missed. */
export function holm(values: readonly number[]): readonly number[] {
  const order = values.map((p, index) => ({ p, index })).sort((x, y) => x.p - y.p);
  const corrected = new Array<number>(values.length);
  let least = 0;
  order.forEach(({ p, index }, rank) => {
    least = Math.max(least, Math.min(1, p * (values.length - rank)));
    corrected[index] = least;
  });
  return corrected;
}

/** What the images are for, and how many comparisons were made beside this one. */
export interface Told {
  readonly part: "test" | "validation";
  readonly comparisons: number;
}

/** The comparison in a sentence or two, for people; names the better one first. `p` of it is taken as corrected already. */
export function describeComparison(nameA: string, nameB: string, compared: PairedComparison, { part, comparisons }: Told): string {
  const { images, seeds, accuracyA, accuracyB, onlyA } = compared;
  if (images === 0) return `There are no ${part} images to compare on.`;
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const where = `${count(images)} ${part} images${seeds > 1 ? `, over ${seeds} seeds` : ""}`;
  if (accuracyA === accuracyB) {
    const apart = onlyA === 0 ? "the very same ones" : `not always the same ones: each got ${count(onlyA)} right that the other got wrong`;
    return `${nameA} and ${nameB} got equally many of ${where} right (${percent(accuracyA)}), ${apart}.`;
  }
  const ahead = accuracyA > accuracyB;
  const [winner, loser, more, less] = ahead ? [nameA, nameB, accuracyA, accuracyB] : [nameB, nameA, accuracyB, accuracyA];
  const { points, interval, chance } = sizeOf(compared);
  const corrected = comparisons > 1 ? ` after correction for ${comparisons} comparisons` : "";
  const figures = `${percent(more)} against ${percent(less)} of ${where}: ${points} points, ${interval} (${chance}${corrected}).`;
  if (compared.p < LEVEL) return `${winner} is ahead of ${loser} by more than chance gives: ${figures}`;
  const { text, bySeeds } = needed(compared, part);
  const unsteady = bySeeds ? "Results move more than this from one seed to the next. " : "";
  return `No difference beyond chance between ${winner} and ${loser}: ${figures} ${unsteady}About ${text} would be needed to tell them apart.`;
}

/** The same beside others of one leader, whose images and seeds are told once for all: "3.3 points ahead of VeRA …". */
export function describeLead(loser: string, compared: PairedComparison, part: Told["part"]): string {
  if (compared.images === 0) return `There are no ${part} images to compare on.`;
  if (compared.accuracyA === compared.accuracyB) return `Level with ${loser}.`;
  const { points, interval, chance } = sizeOf(compared);
  const size = `${points} points ahead of ${loser} (${interval}, ${chance})`;
  return compared.p < LEVEL
    ? `${size}: more than chance gives.`
    : `${size}: may be chance. About ${needed(compared, part).text} would tell.`;
}

/** By how much the better one is ahead, in words. */
function sizeOf({ accuracyA, accuracyB, low, high, p }: PairedComparison) {
  const ahead = accuracyA >= accuracyB;
  const points = (share: number): string =>
    (100 * share)
      .toFixed(1)
      .replace("-", "−")
      .replace(/^−(0\.0)$/, "$1");
  return {
    points: points(Math.abs(accuracyA - accuracyB)),
    interval: `95 % interval ${ahead ? points(low) : points(-high)} to ${ahead ? points(high) : points(-low)}`,
    chance: p < 0.001 ? "p < 0.001" : `p = ${p >= 0.995 ? 1 : p.toPrecision(2)}`,
  };
}

/** What would show a difference of this size. */
function needed({ images, seeds, imagesNeeded, seedsNeeded }: PairedComparison, part: Told["part"]) {
  if (imagesNeeded !== null) return { text: `${rough(Math.max(imagesNeeded, images + 1))} ${part} images`, bySeeds: false };
  return { text: `${rough(Math.max(seedsNeeded ?? 0, seeds + 1))} seeds`, bySeeds: true };
}

const count = (value: number): string => value.toLocaleString("en");
/** Two digits are more than such a number is worth. */
const rough = (value: number): string => count(Number(value.toPrecision(value < 100 ? 1 : 2)));

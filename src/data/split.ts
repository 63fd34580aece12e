/** Which images train, which are kept to measure along the way, and which are locked away for the end. */

import type { Dataset, Part, Split } from "./dataset.ts";
import { hashText } from "./hash.ts";
import { classTable } from "./table.ts";

/** All training images, a share of every class, or a few images of every class ("4": 4-shot). */
export type Amount = "all" | "50%" | "1" | "2" | "4" | "8" | "16";

export interface SplitPlan {
  /** Shares of every class, each 0 (none) up to but not including 1, and less than 1 together. */
  readonly validation: number;
  readonly test: number;
  /** Of what is left for training. */
  readonly amount: Amount;
  readonly seed: number;
}

/** The test set is drawn under this seed whatever the run's is, so that runs of many seeds are measured on the same images. */
const LOCKED = 0x7e57;

/**
 * Splits every class in the same proportions, at random by seed; the test set is the same for every seed.
 *
 * Images that were delivered in a part stay in it; a part that nothing was delivered in is drawn from the training images. An image's
 * place depends on the seed, its source and the other images of its class, not on the order of import or on other classes. Every
 * class keeps at least one training image and gives at least one to every part that is wanted while it has enough, the test set
 * first (`checkDataset` warns of classes that are too small). Fewer shots are among the more: the first of the same order.
 * @throws RangeError for other shares
 */
export function splitDataset(dataset: Pick<Dataset, "classes" | "labels" | "sources" | "parts">, plan: SplitPlan): Split {
  const { validation, test, amount, seed } = plan;
  for (const share of [validation, test, validation + test])
    if (!(share >= 0 && share < 1)) throw new RangeError(`The shares held out must be in [0, 1), alone and together, not ${share}.`);
  const split: Record<Part, number[]> = { train: [], validation: [], test: [] };
  const delivered = new Set(dataset.parts ?? []);
  const partOf = (image: number): Part => dataset.parts?.[image] ?? "train";
  const inOrder = (images: readonly number[], under: number): number[] =>
    images
      .map((image) => {
        const source = dataset.sources[image] ?? "";
        return { image, source, rank: hashText(under, source) };
      })
      .sort((a, b) => a.rank - b.rank || compare(a.source, b.source) || a.image - b.image)
      .map(({ image }) => image);
  for (const { images, count } of classTable(dataset)) {
    for (const image of images) if (partOf(image) !== "train") split[partOf(image)].push(image);
    let rest = images.filter((image) => partOf(image) === "train");
    const draw = (part: Part, share: number, under: number) => {
      if (delivered.has(part)) return;
      const some = inOrder(rest, under).slice(0, drawn(count, rest.length, share));
      split[part].push(...some);
      const gone = new Set(some);
      rest = rest.filter((image) => !gone.has(image));
    };
    draw("test", test, LOCKED);
    draw("validation", validation, seed);
    // Another order than validation's, or the shots would be the images next to it.
    split.train.push(...inOrder(rest, seed + 1).slice(0, taken(amount, rest.length)));
  }
  const ascending = (images: readonly number[]) => Uint32Array.from(images).sort();
  return { train: ascending(split.train), validation: ascending(split.validation), test: ascending(split.test) };
}

/** A class by its numbers alone. */
export interface ClassSize {
  readonly name: string;
  /** All its images. */
  readonly count: number;
  /** Those that were delivered in a part that is held out; absent where nothing was. */
  readonly held?: Readonly<Record<Exclude<Part, "train">, number>>;
}

/** One for each class, in the order of the labels. */
export function classSizes({ classes, labels, parts }: Pick<Dataset, "classes" | "labels" | "parts">): ClassSize[] {
  const sizes = classes.map((name) => ({ name, count: 0, held: { validation: 0, test: 0 } }));
  for (const [image, label] of labels.entries()) {
    const size = sizes[label];
    if (!size) continue;
    size.count++;
    const part = parts?.[image] ?? "train";
    if (part !== "train") size.held[part]++;
  }
  return sizes;
}

/** How many images `splitDataset` puts into each part, exactly. */
export function countSplit(
  classes: readonly Omit<ClassSize, "name">[],
  { validation, test, amount }: Omit<SplitPlan, "seed">,
): Readonly<Record<Part, number>> {
  const sums = { train: 0, validation: 0, test: 0 };
  const delivered = (part: "validation" | "test") => classes.some(({ held }) => (held?.[part] ?? 0) > 0);
  const shares = { test: delivered("test") ? 0 : test, validation: delivered("validation") ? 0 : validation };
  for (const { count, held = { validation: 0, test: 0 } } of classes) {
    let rest = count - held.validation - held.test;
    for (const part of ["test", "validation"] as const) {
      const some = drawn(count, rest, shares[part]);
      sums[part] += held[part] + some;
      rest -= some;
    }
    sums.train += Math.min(rest, taken(amount, rest));
  }
  return sums;
}

/** How many of the `left` images of a class go to a part that gets a share of `count`: one at least, but not the last. */
function drawn(count: number, left: number, share: number): number {
  const wanted = share === 0 ? 0 : Math.max(1, Math.round(count * share));
  return Math.max(0, Math.min(wanted, left - 1));
}

function taken(amount: Amount, count: number): number {
  if (amount === "all") return count;
  if (!amount.endsWith("%")) return Number(amount);
  return Math.min(count, Math.max(1, Math.round((count * Number.parseFloat(amount)) / 100)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Which images train and which are kept to measure. */

import type { Dataset, Split } from "./dataset.ts";
import { hashText } from "./hash.ts";
import { classTable } from "./table.ts";

/**
 * Splits every class in the same proportion, at random by seed.
 *
 * An image's place depends on the seed, its source and the other images of its class, not on the order of import
 * or on other classes. Every class keeps at least one training image, and gives at least one to validation when it
 * has two; a class with one image goes to training (`checkDataset` warns of it).
 * @param fraction share for validation, 0 (none) up to but not including 1
 * @returns indices in ascending order
 * @throws RangeError for another fraction
 */
export function splitDataset(dataset: Pick<Dataset, "classes" | "labels" | "sources">, fraction: number, seed: number): Split {
  if (!(fraction >= 0 && fraction < 1)) throw new RangeError(`The validation share must be in [0, 1), not ${fraction}.`);
  const train: number[] = [];
  const validation: number[] = [];
  for (const { images, count } of classTable(dataset)) {
    const wanted = fraction === 0 ? 0 : Math.max(1, Math.round(count * fraction));
    const kept = Math.max(0, Math.min(wanted, count - 1));
    const drawn = images
      .map((image) => {
        const source = dataset.sources[image] ?? "";
        return { image, source, rank: hashText(seed, source) };
      })
      .sort((a, b) => a.rank - b.rank || compare(a.source, b.source) || a.image - b.image);
    for (const [i, { image }] of drawn.entries()) (i < kept ? validation : train).push(image);
  }
  return { train: Uint32Array.from(train).sort(), validation: Uint32Array.from(validation).sort() };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether a difference in accuracy means anything. */

/** 97.5 % quantile of the standard normal. */
const Z = 1.959963984540054;

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
  readonly correctA: number;
  readonly correctB: number;
  /** Images that only A, or only B, got right. */
  readonly onlyA: number;
  readonly onlyB: number;
  /** Two-sided p value of McNemar's exact test: how often chance alone splits these images at least as unevenly. 1 when A and B agree on every image. */
  readonly p: number;
}

/**
 * Compares two classifiers on the same images. `hitsA` and `hitsB` (images) hold 1 where the prediction was right.
 * The test speaks of these two trained models on images like these, not of another run with another seed. Throws when the lengths differ.
 */
export function comparePaired(hitsA: Uint8Array, hitsB: Uint8Array): PairedComparison {
  if (hitsA.length !== hitsB.length) throw new Error(`comparePaired: ${hitsA.length} images against ${hitsB.length}.`);
  const counts = { correctA: 0, correctB: 0, onlyA: 0, onlyB: 0 };
  hitsA.forEach((hitA, i) => {
    const hitB = hitsB[i];
    if (hitA) counts.correctA++;
    if (hitB) counts.correctB++;
    if (hitA && !hitB) counts.onlyA++;
    if (hitB && !hitA) counts.onlyB++;
  });
  return { images: hitsA.length, ...counts, p: evenSplit(counts.onlyA, counts.onlyB) };
}

/** Two-sided exact binomial test that a + b fair coins fall at least as unevenly as a : b. */
function evenSplit(a: number, b: number): number {
  const n = a + b;
  // Logarithms, because 2⁻ⁿ underflows from n = 1075 on.
  let logTerm = -n * Math.LN2;
  let tail = Math.exp(logTerm);
  for (let k = 1; k <= Math.min(a, b); k++) {
    logTerm += Math.log((n - k + 1) / k);
    tail += Math.exp(logTerm);
  }
  return Math.min(1, 2 * tail);
}

/** The comparison in one sentence, for people; names the better one first. */
export function describeComparison(nameA: string, nameB: string, { images, correctA, correctB, onlyA, p }: PairedComparison): string {
  if (images === 0) return "There are no validation images to compare on.";
  const percent = (correct: number): string => `${((100 * correct) / images).toFixed(1)} %`;
  if (correctA === correctB) {
    const apart = onlyA === 0 ? "the very same ones" : `not always the same ones: each got ${onlyA} right that the other got wrong`;
    return `${nameA} and ${nameB} got equally many of ${images} images right (${percent(correctA)}), ${apart}.`;
  }
  const [winner, loser, more, less] = correctA > correctB ? [nameA, nameB, correctA, correctB] : [nameB, nameA, correctB, correctA];
  const value = p < 0.001 ? "p < 0.001" : `p = ${p.toPrecision(2)}`;
  const verdict = p < 0.05 ? "would be rare by chance" : p < 0.2 ? "may well be chance" : "is expected by chance";
  return `${winner} got ${more - less} more of ${images} images right than ${loser} (${percent(more)} against ${percent(less)}); a difference this ${p < 0.05 ? "large" : "small"} ${verdict} (${value}).`;
}

/** What a class counts in the loss, so that a rare one counts as much as a common one. */
import type { Dataset } from "../data/dataset.ts";

/**
 * (classes) n / (C · n_class) over the training images, as scikit-learn's class_weight="balanced": C and the sum over the images are of the
 * classes that have any. A class without training images gets 0.
 */
export function classWeights({ classes, labels }: Pick<Dataset, "classes" | "labels">, train: Uint32Array): Float32Array {
  const counts = new Float64Array(classes.length);
  for (const image of train) {
    const label = labels[image] as number;
    counts[label] = (counts[label] as number) + 1;
  }
  const present = counts.filter((count) => count > 0).length;
  return Float32Array.from(counts, (count) => (count > 0 ? train.length / (present * count) : 0));
}

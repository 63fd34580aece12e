/** Class names of well-known sets whose files hold numbers alone. */

const DIGITS = [..."0123456789"];
const UPPER = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
const LOWER = [..."abcdefghijklmnopqrstuvwxyz"];

export const CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
const FASHION = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];
/** EMNIST takes capital and small letters for one where they look alike. */
const MERGED = [...DIGITS, ...UPPER, ..."abdefghnqrt"];
const EMNIST: readonly (readonly [RegExp, readonly string[]])[] = [
  [/letters/i, ["", ...UPPER]],
  [/balanced|bymerge/i, MERGED],
  [/byclass/i, [...DIGITS, ...UPPER, ...LOWER]],
];

/** The first labels of Fashion-MNIST's two files, which have the names and sizes of MNIST's. */
const FASHION_STARTS = ["9003027255", "9211614657"];

/**
 * Names by label of an IDX or npz set of the MNIST family, or undefined: its numbers are its names.
 * @param hint the path, with the names of the archive and the folders
 * @param labels the first of them
 */
export function mnistNames(hint: string, labels: readonly number[]): readonly string[] | undefined {
  if (/emnist/i.test(hint)) return EMNIST.find(([pattern]) => pattern.test(hint))?.[1];
  if (/fashion/i.test(hint) || FASHION_STARTS.includes(labels.slice(0, 10).join(""))) return FASHION;
  return undefined;
}

/** A dataset as the page shows it: a row per class, a thumbnail per image. */

import type { Dataset } from "./dataset.ts";

export interface ClassRow {
  readonly name: string;
  readonly count: number;
  /** Indices of its images, in order. */
  readonly images: readonly number[];
}

/** One row per class, in the order of the labels. */
export function classTable(dataset: Pick<Dataset, "classes" | "labels">): ClassRow[] {
  const images: number[][] = dataset.classes.map(() => []);
  for (const [i, label] of dataset.labels.entries()) images[label]?.push(i);
  return dataset.classes.map((name, label) => {
    const own = images[label] ?? [];
    return { name, count: own.length, images: own };
  });
}

/**
 * RGB as RGBA, ready for `new ImageData(…, size, size)`.
 * @param pixels (size, size, 3), such as `Progress.fresh` or what `readPixels` gives
 */
export function toRgba(pixels: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray((pixels.length / 3) * 4).fill(255);
  for (let from = 0, to = 0; from < pixels.length; from += 3, to += 4) {
    rgba[to] = pixels[from] as number;
    rgba[to + 1] = pixels[from + 1] as number;
    rgba[to + 2] = pixels[from + 2] as number;
  }
  return rgba;
}

/** Prepared images, read from where they lie. */

import type { Dataset, Pixels } from "./dataset.ts";

/** `count` images in memory, in order. */
export function inMemory(bytes: Uint8Array, count: number): Pixels {
  return { packs: [bytes], pack: new Uint16Array(count), row: Uint32Array.from({ length: count }, (_, i) => i) };
}

/** The places of some images, in the order of `images`. */
export function pickPixels({ packs, pack, row }: Pixels, images: ArrayLike<number>): Pixels {
  const kept = Array.from(images);
  return { packs, pack: Uint16Array.from(kept, (i) => pack[i] ?? 0), row: Uint32Array.from(kept, (i) => row[i] ?? 0) };
}

/** Two datasets' images after one another. */
export function joinPixels(a: Pixels, b: Pixels): Pixels {
  const pack = new Uint16Array(a.pack.length + b.pack.length);
  const row = new Uint32Array(pack.length);
  pack.set(a.pack);
  pack.set(
    b.pack.map((index) => index + a.packs.length),
    a.pack.length,
  );
  row.set(a.row);
  row.set(b.row, a.row.length);
  return { packs: [...a.packs, ...b.packs], pack, row };
}

/** Reads at once, without waiting: what a training step needs. */
export interface PixelReader {
  /** Writes the (size, size, 3) bytes of an image to `into`. Throws RangeError when there is no such image. */
  read(image: number, into: Uint8Array): void;
  close(): void;
}

/** For the training worker and Node. */
export async function openPixels({ pixels, size }: Pick<Dataset, "pixels" | "size">): Promise<PixelReader> {
  const bytes = size * size * 3;
  return {
    read(image, into) {
      const pack = pixels.packs[pixels.pack[image] ?? -1];
      if (!(pack instanceof Uint8Array)) throw new RangeError(`There is no image ${image}.`);
      const from = (pixels.row[image] as number) * bytes;
      into.set(pack.subarray(from, from + bytes));
    },
    close: () => undefined,
  };
}

/** (size, size, 3) bytes of each of some images: for the page, which shows a few at a time. */
export async function readPixels(dataset: Pick<Dataset, "pixels" | "size">, images: ArrayLike<number>): Promise<readonly Uint8Array[]> {
  const reader = await openPixels(dataset);
  const read = Array.from(images, (image) => {
    const into = new Uint8Array(dataset.size * dataset.size * 3);
    reader.read(image, into);
    return into;
  });
  reader.close();
  return read;
}

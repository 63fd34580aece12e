/** Prepared images, read from where they lie. */

import type { Dataset, Pixels } from "./dataset.ts";
import { fileAt, type OpenFile, openFile } from "./disk.ts";
import type { Place } from "./keeper.ts";

/** `count` images in memory, in order. */
export function inMemory(bytes: Uint8Array, count: number): Pixels {
  return { packs: [bytes], pack: new Uint16Array(count), row: Uint32Array.from({ length: count }, (_, i) => i) };
}

/** Bytes of a pack in memory. */
const BLOCK = 2 ** 24;

/** Collects where images lie, or their bytes, one after the other. */
export class Places {
  readonly #rowBytes: number;
  readonly #packs: (Uint8Array | string)[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #pack: number[] = [];
  readonly #row: number[] = [];
  /** The pack in memory that is being filled. */
  #open = { number: -1, rows: 0 };

  /** @param size side of the images in pixels */
  constructor(size: number) {
    this.#rowBytes = size * size * 3;
  }

  add(at: Place | Uint8Array): void {
    if (at instanceof Uint8Array) {
      this.#store(at);
      return;
    }
    const known = this.#numbers.get(at.pack) ?? this.#packs.push(at.pack) - 1;
    this.#numbers.set(at.pack, known);
    this.#pack.push(known);
    this.#row.push(at.row);
  }

  /** After the images of `before`, where it is given. */
  end(before?: Pixels): Pixels {
    const { number, rows } = this.#open;
    const last = this.#packs[number];
    // What is not used of the last one is given back.
    if (last instanceof Uint8Array) this.#packs[number] = last.slice(0, rows * this.#rowBytes);
    const own = { packs: this.#packs, pack: Uint16Array.from(this.#pack), row: Uint32Array.from(this.#row) };
    return before ? joinPixels(before, own) : own;
  }

  #store(bytes: Uint8Array): void {
    const most = Math.max(1, Math.floor(BLOCK / this.#rowBytes));
    if (this.#open.number < 0 || this.#open.rows === most) {
      this.#open = { number: this.#packs.push(new Uint8Array(most * this.#rowBytes)) - 1, rows: 0 };
    }
    const { number, rows } = this.#open;
    (this.#packs[number] as Uint8Array).set(bytes, rows * this.#rowBytes);
    this.#open.rows++;
    this.#pack.push(number);
    this.#row.push(rows);
  }
}

/** Two datasets' images after one another. */
export function joinPixels(a: Pixels, b: Pixels): Pixels {
  const packs = [...a.packs];
  const numbers = Uint16Array.from(b.packs, (pack) => {
    const known = packs.indexOf(pack);
    return known >= 0 ? known : packs.push(pack) - 1;
  });
  const pack = new Uint16Array(a.pack.length + b.pack.length);
  const row = new Uint32Array(pack.length);
  pack.set(a.pack);
  pack.set(
    b.pack.map((number) => numbers[number] ?? 0),
    a.pack.length,
  );
  row.set(a.row);
  row.set(b.row, a.row.length);
  return { packs, pack, row };
}

/** Reads at once, without waiting: what a training step needs. */
export interface PixelReader {
  /** Writes the (size, size, 3) bytes of an image to `into`. Throws RangeError when there is no such image. */
  read(image: number, into: Uint8Array): void;
  close(): void;
}

/** A pack that another has open may be read into memory, up to this many bytes. */
const MOST_READ = 2 ** 29;

/**
 * For the training worker and Node: opens every pack that an image lies in.
 * @throws Error when a pack is missing or damaged, or held by another tab and too large to be read into memory
 */
export async function openPixels({ pixels, size }: Pick<Dataset, "pixels" | "size">): Promise<PixelReader> {
  const rowBytes = size * size * 3;
  const packs: (Uint8Array | OpenFile | undefined)[] = [];
  const close = () => {
    for (const pack of packs) if (pack && !(pack instanceof Uint8Array)) pack.close();
  };
  try {
    for (const [number, rows] of rowsOf(pixels)) packs[number] = await openPack(pixels.packs[number], rows * rowBytes);
  } catch (error) {
    close();
    throw error;
  }
  return {
    read(image, into) {
      const pack = packs[pixels.pack[image] ?? -1];
      if (!pack) throw new RangeError(`There is no image ${image}.`);
      const at = (pixels.row[image] as number) * rowBytes;
      if (pack instanceof Uint8Array) into.set(pack.subarray(at, at + rowBytes));
      else if (pack.read(into.subarray(0, rowBytes), { at }) < rowBytes) throw new RangeError(`Image ${image} is cut off.`);
    },
    close,
  };
}

/** Per pack that is used, how many rows it must have. */
function rowsOf({ pack, row }: Pixels): Map<number, number> {
  const rows = new Map<number, number>();
  for (let image = 0; image < pack.length; image++) {
    const number = pack[image] as number;
    rows.set(number, Math.max(rows.get(number) ?? 0, (row[image] as number) + 1));
  }
  return rows;
}

async function openPack(pack: Uint8Array | string | undefined, bytes: number): Promise<Uint8Array | OpenFile> {
  if (typeof pack !== "string") return pack ?? new Uint8Array();
  const open = await openFile(pack);
  if (open) {
    if (open.getSize() >= bytes) return open;
    open.close();
    throw new Error(LOST);
  }
  const file = await fileAt(pack);
  if (!file || file.size < bytes) throw new Error(LOST);
  if (bytes > MOST_READ) throw new Error("The prepared images are in use in another tab: close it, or wait until its run has ended.");
  return new Uint8Array(await file.slice(0, bytes).arrayBuffer());
}

const LOST = "Some of the prepared images are missing from the browser's storage: reload the page, which makes them again where it can.";

/** The images whose pixels are not there any more, ascending. */
export async function lostPixels({ pixels, size }: Pick<Dataset, "pixels" | "size">): Promise<readonly number[]> {
  const lost = new Map<number, number>();
  for (const number of rowsOf(pixels).keys()) {
    const pack = pixels.packs[number];
    const bytes = typeof pack === "string" ? ((await fileAt(pack))?.size ?? 0) : (pack?.length ?? 0);
    lost.set(number, Math.floor(bytes / (size * size * 3)));
  }
  const images: number[] = [];
  pixels.pack.forEach((number, image) => {
    if ((pixels.row[image] as number) >= (lost.get(number) as number)) images.push(image);
  });
  return images;
}

/** Rows that are read though nobody asked, when they lie between two that are wanted: one read is dearer than they are. */
const GAP = 8;

/**
 * (size, size, 3) bytes of each of some images: for the page, which shows a few at a time.
 * An image that cannot be read is grey.
 */
export async function readPixels(dataset: Pick<Dataset, "pixels" | "size">, images: ArrayLike<number>): Promise<readonly Uint8Array[]> {
  const { packs, pack, row } = dataset.pixels;
  const rowBytes = dataset.size * dataset.size * 3;
  const read: Uint8Array[] = [];
  const wanted = Array.from(images, (image, place) => ({ place, pack: pack[image] ?? 0, row: row[image] ?? 0 }));
  wanted.sort((a, b) => a.pack - b.pack || a.row - b.row);
  const files = new Map<string, Promise<File | undefined>>();
  const runs: (typeof wanted)[] = [];
  for (const one of wanted) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run && last && last.pack === one.pack && one.row - last.row <= GAP) run.push(one);
    else runs.push([one]);
  }
  const readRun = async (run: typeof wanted): Promise<void> => {
    const [first, last] = [run[0]?.row ?? 0, run.at(-1)?.row ?? 0];
    const from = packs[run[0]?.pack ?? -1];
    let bytes: Uint8Array | undefined;
    if (typeof from === "string") {
      const file = files.get(from) ?? fileAt(from);
      files.set(from, file);
      const blob = (await file)?.slice(first * rowBytes, (last + 1) * rowBytes);
      const buffer = await blob?.arrayBuffer().catch(() => undefined);
      bytes = buffer && new Uint8Array(buffer);
    } else bytes = from?.subarray(first * rowBytes, (last + 1) * rowBytes);
    for (const { place, row: own } of run) {
      const at = (own - first) * rowBytes;
      const found = bytes?.slice(at, at + rowBytes);
      read[place] = found?.length === rowBytes ? found : new Uint8Array(rowBytes).fill(GREY);
    }
  };
  await Promise.all(runs.map(readRun));
  return read;
}

const GREY = 128;

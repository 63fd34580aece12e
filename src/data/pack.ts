/**
 * Packs: many images' bytes in one file, one after the other, and beside it an index by the digests of the image files.
 *
 * There are two kinds, laid out alike: the files as they were given (`images/files/…`), and prepared pixels, a folder for each way of
 * preparing (`images/pixels/224-bicubic-224/…`), which can always be made again from the files. Whoever imports writes packs of
 * its own, so that nothing is shared and no lock is needed; a pack does not change once its import has ended. An entry is in the index
 * after its bytes are in the pack: what was broken off is not seen.
 */

import type { Preprocess } from "./dataset.ts";
import { createFile, fileAt, filesBelow, type OpenFile, removeAt, writeAll } from "./disk.ts";

export const TOP = "images";
export const FILES = `${TOP}/files`;
export const PIXELS = `${TOP}/pixels`;
/** Raised whenever the same file and the same preprocessing would give other pixels than before. */
const PREPARED_AS = 1;
const INDEX = ".index";
/** Digest (32 bytes), offset and length (a float64 each): offsets may pass 4 GiB. */
const ENTRY = 48;

/** Names what decides the bytes: mean and deviation come later. */
export function pixelsKey({ resize, stretch, resample, crop }: Preprocess): string {
  return `v${PREPARED_AS}-${stretch ? "whole" : "crop"}-${resize}-${crop}-${resample}`;
}

function isIndex(path: string): boolean {
  return path.endsWith(INDEX);
}

export const indexOf = (pack: string): string => pack + INDEX;

/** A pack being written, in a worker. */
export class PackWriter {
  readonly path: string;
  readonly #bytes: OpenFile;
  readonly #index: OpenFile;
  #end = 0;
  #entries = 0;

  private constructor(path: string, bytes: OpenFile, index: OpenFile) {
    this.path = path;
    this.#bytes = bytes;
    this.#index = index;
  }

  /** Throws where the browser keeps no files. */
  static async create(path: string): Promise<PackWriter> {
    return new PackWriter(path, await createFile(path), await createFile(indexOf(path)));
  }

  /** @returns where its bytes begin. Throws "QuotaExceededError" when there is no room; the pack is then as it was before. */
  add(digest: Uint8Array, bytes: Uint8Array): number {
    const offset = this.#end;
    const entry = new Uint8Array(ENTRY);
    entry.set(digest);
    new DataView(entry.buffer).setFloat64(32, offset, true);
    new DataView(entry.buffer).setFloat64(40, bytes.length, true);
    try {
      writeAll(this.#bytes, bytes, offset);
      writeAll(this.#index, entry, this.#entries * ENTRY);
    } catch (error) {
      this.#bytes.truncate(offset);
      this.#index.truncate(this.#entries * ENTRY);
      throw error;
    }
    this.#end += bytes.length;
    this.#entries++;
    return offset;
  }

  close(): void {
    this.#bytes.close();
    this.#index.close();
  }

  /** Gives its room back. */
  async discard(): Promise<void> {
    this.close();
    await Promise.all([removeAt(this.path), removeAt(indexOf(this.path))]);
  }
}

/** Where an image's bytes lie. */
export interface Found {
  readonly pack: string;
  readonly offset: number;
  readonly length: number;
}

/** What some packs hold, by digest: 100,000 entries take 6 MB. */
export class Catalogue {
  readonly #packs: readonly { readonly path: string; readonly size: number; readonly first: number }[];
  readonly #entries: Uint8Array;
  readonly #view: DataView;
  /** Entry numbers from 1, at the place that a digest's first bytes say or the next free one. */
  readonly #slots: Uint32Array;

  private constructor(indices: readonly { readonly path: string; readonly size: number; readonly bytes: Uint8Array }[]) {
    const whole = indices.map(({ path, size, bytes }) => ({ path, size, bytes: bytes.subarray(0, bytes.length - (bytes.length % ENTRY)) }));
    const count = whole.reduce((sum, { bytes }) => sum + bytes.length, 0) / ENTRY;
    this.#entries = new Uint8Array(count * ENTRY);
    this.#view = new DataView(this.#entries.buffer);
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * count + 2)));
    let first = 0;
    this.#packs = whole.map(({ path, size, bytes }) => {
      this.#entries.set(bytes, first * ENTRY);
      const pack = { path, size, first };
      first += bytes.length / ENTRY;
      return pack;
    });
    for (let entry = 0; entry < count; entry++) {
      let slot = this.#slotOf(this.#view.getUint32(entry * ENTRY));
      while (this.#slots[slot] !== 0) slot = this.#slotOf(slot + 1);
      this.#slots[slot] = entry + 1;
    }
  }

  /** Reads the indices of some packs; one that is missing counts as empty, and what was cut off from one is not found. */
  static async of(packs: readonly string[]): Promise<Catalogue> {
    const read = packs.map(async (path) => {
      const size = (await fileAt(path))?.size ?? 0;
      // A pack that another tab is writing may be read while it changes: that fails, and it counts as empty too.
      const bytes = await fileAt(indexOf(path))
        .then((file) => file?.arrayBuffer())
        .catch(() => undefined);
      return { path, size, bytes: new Uint8Array(bytes ?? new ArrayBuffer()) };
    });
    return new Catalogue(await Promise.all(read));
  }

  /** Reads the indices of all packs in a folder. */
  static async below(folder: string): Promise<Catalogue> {
    const paths = (await filesBelow(folder)).map(({ path }) => path);
    return Catalogue.of(paths.filter((path) => !isIndex(path)));
  }

  find(digest: Uint8Array): Found | undefined {
    const start = new DataView(digest.buffer, digest.byteOffset).getUint32(0);
    for (let slot = this.#slotOf(start); this.#slots[slot] !== 0; slot = this.#slotOf(slot + 1)) {
      const entry = (this.#slots[slot] as number) - 1;
      if (!this.#equals(entry, digest)) continue;
      const pack = this.#packs.findLast(({ first }) => first <= entry);
      const [offset, length] = [32, 40].map((at) => this.#view.getFloat64(entry * ENTRY + at, true)) as [number, number];
      if (pack && offset + length <= pack.size) return { pack: pack.path, offset, length };
    }
    return undefined;
  }

  #slotOf(number: number): number {
    return number & (this.#slots.length - 1);
  }

  #equals(entry: number, digest: Uint8Array): boolean {
    for (let at = 0; at < 32; at++) if (this.#entries[entry * ENTRY + at] !== digest[at]) return false;
    return true;
  }
}

export function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16));
}

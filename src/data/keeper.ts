/** One decoding worker's part of an import: what it makes goes into packs of its own, and what is there already is not made again. */

import type { Preprocess } from "./dataset.ts";
import { createFile, isFull, removeAt } from "./disk.ts";
import { Catalogue, FILES, PackWriter, PIXELS, pixelsKey, TOP } from "./pack.ts";

/** Where the pixels of an image lie. */
export interface Place {
  readonly pack: string;
  readonly row: number;
}

export class Keeper {
  readonly #name: string;
  readonly #folder: string;
  readonly #files: Catalogue;
  readonly #pixels: Catalogue;
  #filesOut: PackWriter | undefined;
  #pixelsOut: PackWriter | undefined;
  /** There is no room for files as they were. */
  #pixelsOnly = false;

  private constructor(name: string, folder: string, files: Catalogue, pixels: Catalogue) {
    this.#name = name;
    this.#folder = folder;
    this.#files = files;
    this.#pixels = pixels;
  }

  /** Undefined where the browser keeps no files for this page. @param name no other worker's, in any tab */
  static async open(name: string, preprocess: Preprocess): Promise<Keeper | undefined> {
    const probe = `${TOP}/${name}`;
    const folder = `${PIXELS}/${pixelsKey(preprocess)}`;
    try {
      (await createFile(probe)).close();
      await removeAt(probe);
      return new Keeper(name, folder, await Catalogue.below(FILES), await Catalogue.below(folder));
    } catch {
      return undefined;
    }
  }

  /** The place of an image that was prepared before. */
  find(digest: Uint8Array): Place | undefined {
    const found = this.#pixels.find(digest);
    return found && { pack: found.pack, row: found.offset / found.length };
  }

  /** Throws "QuotaExceededError" when there is no room, even without the files. */
  async addPixels(digest: Uint8Array, pixels: Uint8Array): Promise<Place> {
    this.#pixelsOut ??= await PackWriter.create(`${this.#folder}/${this.#name}`);
    const out = this.#pixelsOut;
    const add = () => ({ pack: out.path, row: out.add(digest, pixels) / pixels.length });
    try {
      return add();
    } catch (error) {
      if (!isFull(error) || !this.#filesOut) throw error;
      await this.#dropFiles();
      return add();
    }
  }

  /** The pack that holds the file; undefined when there is no room for it, and then for none of this worker's. */
  async addFile(digest: Uint8Array, bytes: Uint8Array): Promise<string | undefined> {
    const known = this.#files.find(digest);
    if (known || this.#pixelsOnly) return known?.pack;
    this.#filesOut ??= await PackWriter.create(`${FILES}/${this.#name}`);
    try {
      this.#filesOut.add(digest, bytes);
      return this.#filesOut.path;
    } catch (error) {
      if (!isFull(error)) throw error;
      await this.#dropFiles();
      return undefined;
    }
  }

  /** Without this, others find the packs locked until the worker's end has come through. */
  close(): void {
    this.#filesOut?.close();
    this.#pixelsOut?.close();
  }

  async #dropFiles(): Promise<void> {
    this.#pixelsOnly = true;
    await this.#filesOut?.discard();
    this.#filesOut = undefined;
  }
}

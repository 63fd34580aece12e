/** What a page of a test does with packs: import, read back, keep, lose. Built as a script of its own. */
import type { Imported, ImportOptions } from "../../src/data/collect.ts";
import type { Dataset, Preprocess } from "../../src/data/dataset.ts";
import { filesBelow } from "../../src/data/disk.ts";
import { importImages } from "../../src/data/importer.ts";
import { fileOf, prepareAgain } from "../../src/data/original.ts";
import { TOP } from "../../src/data/pack.ts";
import { lostPixels, readPixels } from "../../src/data/pixels.ts";
import { enter, keep, recall, shelved } from "../../src/data/shelf.ts";
import { fromZip } from "../../src/data/zip.ts";

export const packs = {
  async importZip(file: File, preprocess: Preprocess, options: ImportOptions): Promise<Imported> {
    return importImages(await fromZip(file, file.name), preprocess, options);
  },
  prepareAgain,
  fileOf,
  readPixels,
  lostPixels,
  enter,
  keep,
  recall,
  shelved,
  /** Bytes of all packs, also of those that no dataset needs any more. */
  keptBytes: async (): Promise<number> => (await filesBelow(TOP)).reduce((sum, { size }) => sum + size, 0),
  /** Pixels of some images as the training worker reads them, or why it cannot. */
  readInWorker(dataset: Dataset, images: readonly number[]): Promise<readonly Uint8Array[] | string> {
    const worker = new Worker(new URL("./packsworker.ts", import.meta.url), { type: "module" });
    worker.postMessage({ dataset, images });
    return new Promise((resolve) => {
      worker.onmessage = ({ data }) => {
        worker.terminate();
        resolve(data);
      };
    });
  },
};
Object.assign(globalThis, { packs });

/** What a page of a test does with packs: import, read back, keep, lose. Built as a script of its own. */
import type { Imported, ImportOptions } from "../../src/data/collect.ts";
import type { Dataset, Preprocess } from "../../src/data/dataset.ts";
import { importImages } from "../../src/data/importer.ts";
import { fileOf, prepareAgain } from "../../src/data/original.ts";
import { lostPixels, readPixels } from "../../src/data/pixels.ts";
import { enter, keep, keptBytes, recall, shelved } from "../../src/data/shelf.ts";
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
  keptBytes,
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

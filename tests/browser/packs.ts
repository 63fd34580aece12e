/** What a page of a test does with packs: import, read back, open in a worker. Built as a script of its own. */
import type { Imported } from "../../src/data/collect.ts";
import type { Dataset, Preprocess } from "../../src/data/dataset.ts";
import { importImages } from "../../src/data/importer.ts";
import { fileOf, prepareAgain } from "../../src/data/original.ts";
import { readPixels } from "../../src/data/pixels.ts";
import { fromZip } from "../../src/data/zip.ts";

export const packs = {
  importZip: async (
    file: File,
    preprocess: Preprocess,
    options: { keep?: boolean; into?: Dataset; signal?: AbortSignal },
  ): Promise<Imported> => importImages(await fromZip(file, file.name), preprocess, options),
  prepareAgain,
  fileOf,
  readPixels,
  /** Pixels of some images, as the training worker reads them. */
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

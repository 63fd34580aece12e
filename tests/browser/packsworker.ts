/** Reads pixels as the training worker does. */
import type { Dataset } from "../../src/data/dataset.ts";
import { openPixels } from "../../src/data/pixels.ts";

self.onmessage = async ({ data }: MessageEvent<{ dataset: Dataset; images: readonly number[] }>) => {
  try {
    const reader = await openPixels(data.dataset);
    const pixels = data.images.map((image) => {
      const into = new Uint8Array(3 * data.dataset.size ** 2);
      reader.read(image, into);
      return into;
    });
    reader.close();
    self.postMessage(pixels);
  } catch (error) {
    self.postMessage(String(error));
  }
};

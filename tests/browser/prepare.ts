/** A page that imports a zip as the app does, and hands out the prepared images. */
import type { Preprocess } from "../../src/data/dataset.ts";
import { importImages } from "../../src/data/importer.ts";
import { readPixels } from "../../src/data/pixels.ts";
import { fromZip } from "../../src/data/zip.ts";

export interface Images {
  readonly classes: readonly string[];
  readonly labels: readonly number[];
  readonly sources: readonly string[];
  /** (n, size, size, 3) in base64. */
  readonly pixels: string;
}

async function prepare(address: string, name: string, preprocess: Preprocess): Promise<Images> {
  const { dataset } = await importImages(await fromZip(await (await fetch(address)).blob(), name), preprocess);
  const images = await readPixels(dataset, [...dataset.labels.keys()]);
  const reader = new FileReader();
  await new Promise((done) => {
    reader.onload = done;
    reader.readAsDataURL(new Blob(images as Uint8Array<ArrayBuffer>[]));
  });
  const pixels = (reader.result as string).replace(/^[^,]*,/, "");
  return { classes: dataset.classes, labels: [...dataset.labels], sources: dataset.sources, pixels };
}

Object.assign(globalThis, { prepare });

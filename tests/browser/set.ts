/** Small things to train on, for browsers whose GPU is a software one. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlobReader, BlobWriter, ZipReader, ZipWriter } from "@zip.js/zip.js";
import type { App } from "./app.ts";

export const SAMPLE = join(import.meta.dirname, "../../public/data/eurosat-mini.zip");

/** Some images of the sample as a zip: its path. `nameOf`: what an image is called in it, where it is wanted. */
export async function someOf(app: Pick<App, "scratch">, nameOf: (path: string) => string | undefined): Promise<string> {
  const reader = new ZipReader(new BlobReader(new Blob([readFileSync(SAMPLE)])));
  const writer = new ZipWriter(new BlobWriter());
  for (const entry of await reader.getEntries()) {
    const name = entry.directory ? undefined : nameOf(entry.filename);
    if (!entry.directory && name !== undefined) await writer.add(name, new BlobReader(await entry.getData(new BlobWriter())));
  }
  await reader.close();
  const path = join(app.scratch, "two.zip");
  writeFileSync(path, Buffer.from(await (await writer.close()).arrayBuffer()));
  return path;
}

/** Six images of each of two classes. */
export const smallSet = (app: Pick<App, "scratch">): Promise<string> =>
  someOf(app, (path) => (/(Forest|River)\/\w+_00[0-5]\.jpg$/.test(path) ? path : undefined));

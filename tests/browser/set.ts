/** Small things to train on, for browsers whose GPU is a software one. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlobReader, BlobWriter, ZipReader, ZipWriter } from "@zip.js/zip.js";
import type { App } from "./app.ts";

export const SAMPLE = join(import.meta.dirname, "../../public/data/eurosat-mini.zip");

/** A few images of two classes, as a zip: its path. */
export async function smallSet(app: App): Promise<string> {
  const reader = new ZipReader(new BlobReader(new Blob([readFileSync(SAMPLE)])));
  const writer = new ZipWriter(new BlobWriter());
  for (const entry of await reader.getEntries()) {
    if (entry.directory || !/(Forest|River)\/\w+_00[0-5]\.jpg$/.test(entry.filename)) continue;
    await writer.add(entry.filename, new BlobReader(await entry.getData(new BlobWriter())));
  }
  const path = join(app.scratch, "two.zip");
  writeFileSync(path, Buffer.from(await (await writer.close()).arrayBuffer()));
  return path;
}

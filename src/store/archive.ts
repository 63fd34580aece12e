/** Zips of a few files, in and out. Fetched when there is one. */
// The build without bundled codecs: every browser that has WebGPU deflates by itself.
import { BlobReader, BlobWriter, type FileEntry, Uint8ArrayReader, ZipReader, ZipWriter } from "@zip.js/zip.js/lib/zip-core-custom.js";

/** Weights do not get smaller by packing; it would only take time. */
const PACKED = /\.(json|md|txt)$/;

export async function pack(files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Promise<Blob> {
  const writer = new ZipWriter(new BlobWriter("application/zip"), { useWebWorkers: false });
  for (const [name, bytes] of files) await writer.add(name, new Uint8ArrayReader(bytes), { level: PACKED.test(name) ? 6 : 0 });
  return writer.close();
}

/** Entries that are looked at before a zip counts as one of images. */
const LOOKED_AT = 500;
const IMAGE = /\.(jpe?g|png|webp|gif|bmp|avif|tiff?)$/i;

/** A file inside a zip. */
export interface Entry {
  readonly path: string;
  open(): Promise<Blob>;
}

/** The entries of a zip that may hold a model; none once it holds an image, or cannot be read. */
export async function entriesOf(zip: Blob): Promise<readonly Entry[]> {
  const reader = new ZipReader(new BlobReader(zip), { useWebWorkers: false, checkCrc32: true });
  const found: Entry[] = [];
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      if (IMAGE.test(entry.filename) || found.length > LOOKED_AT) return [];
      if (!entry.directory) found.push({ path: entry.filename.replaceAll("\\", "/"), open: () => unpack(entry) });
    }
    return found;
  } catch {
    return [];
  }
}

function unpack(entry: FileEntry): Promise<Blob> {
  return entry.getData(new BlobWriter());
}

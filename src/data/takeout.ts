/** A dataset as a zip, in folders that this page and Hugging Face's `imagefolder` read again. */

// The build without bundled codecs: every browser that has WebGPU deflates by itself.
import { BlobReader, TextReader, ZipWriter } from "@zip.js/zip.js/lib/zip-core-custom.js";
import type { Dataset, Part } from "./dataset.ts";
import { readHeader } from "./header.ts";
import { fileOf } from "./original.ts";
import { isSystemFolder } from "./paths.ts";
import { readPixels } from "./pixels.ts";
import { toRgba } from "./table.ts";

export interface TakeoutOptions {
  /** The part of each image, which is its top folder; without it there are class folders alone. */
  readonly partOf?: ((image: number) => Part) | undefined;
  /** The file of an image: its original, or a picture of what the model sees. Its name may be a path. */
  readonly fileOf: (image: number) => Promise<{ readonly name: string; readonly blob: Blob }>;
  readonly onProgress?: ((written: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Files read ahead of the one that is written. */
const AHEAD = 4;
const PIECE_BYTES = 8 * 2 ** 20;
const NAME_BYTES = 120;

/**
 * Writes `train/forest/1.jpg` and so on, with a `metadata.csv` (file_name, label, split, source) in each part's folder, where
 * `imagefolder` looks for it, or one at the top where there are no parts. Names that a file system would refuse are changed; the
 * label in the metadata is the class as it is called. Becomes a ZIP64 where it has to.
 * @throws the signal's reason when it is aborted, or what `fileOf` throws
 */
export async function writeZip(dataset: Dataset, options: TakeoutOptions): Promise<Blob> {
  const { partOf, fileOf, onProgress, signal } = options;
  const { sink, blob } = gather();
  // Buffered, an entry's header has its size in front, as programs want that read a zip from its start.
  const writer = new ZipWriter(sink, { useWebWorkers: false, bufferedWrite: true, ...(signal && { signal }) });
  const folders = uniqueNames();
  const folderOf = dataset.classes.map((name) => folders(safeName(name, "class")));
  const fileNames = new Map<string, (name: string) => string>();
  const tables = new Map<string, string[]>();
  const order = Array.from(dataset.labels.keys());
  const files: ReturnType<typeof fileOf>[] = [];
  for (const image of order) {
    signal?.throwIfAborted();
    for (let next = image + files.length; files.length < AHEAD && next < order.length; next++) {
      const file = fileOf(next);
      // Where the zip breaks off before its turn, nobody waits for it.
      file.catch(() => undefined);
      files.push(file);
    }
    const { name, blob: content } = (await files.shift()) as Awaited<ReturnType<typeof fileOf>>;
    const label = dataset.labels[image] ?? 0;
    const part = partOf?.(image);
    const top = part === undefined ? "" : `${part}/`;
    const folder = `${folderOf[label]}`;
    const unique = fileNames.get(top + folder) ?? uniqueNames();
    fileNames.set(top + folder, unique);
    const path = `${folder}/${unique(safeName(name.replace(/^.*[/\\]/, ""), "image"))}`;
    await writer.add(top + path, new BlobReader(content), { level: 0 });
    const lines = tables.get(top) ?? ["file_name,label,split,source"];
    tables.set(top, lines);
    lines.push([path, dataset.classes[label] ?? "", part ?? "", dataset.sources[image] ?? ""].map(cell).join(","));
    onProgress?.(image + 1);
  }
  for (const [top, lines] of tables) await writer.add(`${top}metadata.csv`, new TextReader(`${lines.join("\n")}\n`), { level: 6 });
  await writer.close();
  return blob();
}

const ENDINGS: Readonly<Record<string, string>> = { JPEG: "jpg" };

/**
 * The file that an image came from, named after its source and its kind.
 * @throws Error when it is not kept, or lost
 */
export async function asGiven(dataset: Dataset, image: number): Promise<{ readonly name: string; readonly blob: Blob }> {
  const blob = await fileOf(dataset, image);
  const { format } = readHeader(new Uint8Array(await blob.arrayBuffer()));
  const ending = ENDINGS[format] ?? format.toLowerCase();
  const [, stem = "", own = ""] = /^(.*?)(?:\.([^./]*))?$/s.exec(dataset.sources[image] ?? "") ?? [];
  const fits = own.toLowerCase() === ending || (ending === "jpg" && /^jpe?g$/i.test(own));
  return { name: `${stem}.${fits ? own : ending}`, blob };
}

/** What the model sees of an image, as a PNG named after its source. */
export async function asPng(dataset: Dataset, image: number): Promise<{ readonly name: string; readonly blob: Blob }> {
  const { size } = dataset;
  const [pixels] = await readPixels(dataset, [image]);
  const canvas = new OffscreenCanvas(size, size);
  const context = canvas.getContext("2d");
  if (!pixels || !context) throw new Error(`${dataset.sources[image]} could not be drawn.`);
  context.putImageData(new ImageData(toRgba(pixels), size, size), 0, 0);
  return {
    name: `${(dataset.sources[image] ?? "").replace(/\.[^./]*$/, "")}.png`,
    blob: await canvas.convertToBlob({ type: "image/png" }),
  };
}

/** A name that every file system takes, and that our own import does not pass over. */
export function safeName(name: string, otherwise: string): string {
  const [, stem = "", ending = ""] =
    /^(.*?)(\.[A-Za-z0-9]{1,5})?$/su.exec(name.normalize("NFC").replace(/[\\/:*?"<>|\p{Cc}]/gu, "_")) ?? [];
  let plain = "";
  let bytes = 0;
  for (const sign of stem.replace(/^[\s.]+/, "_")) {
    bytes += new TextEncoder().encode(sign).length;
    if (bytes > NAME_BYTES) break;
    plain += sign;
  }
  const whole = (plain + ending).replace(/[\s.]+$/, "") || otherwise;
  const refused = isSystemFolder(whole) || /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(whole);
  return refused ? `_${whole}` : whole;
}

/** Gives a name back, with a number where it was given before; letter case makes no difference to many file systems. */
function uniqueNames(): (name: string) => string {
  const taken = new Set<string>();
  const last = new Map<string, number>();
  return (name) => {
    const key = name.toLowerCase();
    let unique = name;
    for (let number = last.get(key) ?? 1; taken.has(unique.toLowerCase()); ) {
      last.set(key, ++number);
      unique = name.replace(/(\.[^.]*)?$/, ` (${number})$1`);
    }
    taken.add(unique.toLowerCase());
    return unique;
  };
}

/** RFC 4180. */
function cell(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Gathers a stream in blobs of some size, which browsers keep on disk when there are many. */
function gather(): { readonly sink: WritableStream<Uint8Array<ArrayBuffer>>; readonly blob: () => Blob } {
  const pieces: Blob[] = [];
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const flush = () => {
    pieces.push(new Blob(chunks));
    chunks = [];
    size = 0;
  };
  const sink = new WritableStream<Uint8Array<ArrayBuffer>>({
    write(chunk) {
      chunks.push(chunk.slice());
      size += chunk.length;
      if (size >= PIECE_BYTES) flush();
    },
  });
  return {
    sink,
    blob() {
      flush();
      return new Blob(pieces, { type: "application/zip" });
    },
  };
}

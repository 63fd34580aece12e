/** A zip as a source: its directory is listed at once, each entry is unpacked when its turn comes. */

// The build without bundled codecs: every browser that has WebGPU inflates by itself.
import { type FileEntry, ZipReader } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { BlockReader } from "./block.ts";
import type { Note } from "./dataset.ts";
import { Refusal } from "./refusal.ts";
import { arrange, type Found, type Labelling, type Source } from "./source.ts";

/** Ceilings in bytes and counts. Real output is counted: the sizes a zip declares can be forged. */
export interface ZipLimits {
  readonly file: number;
  readonly total: number;
  readonly entries: number;
}

const LIMITS: ZipLimits = { file: 64 * 2 ** 20, total: 16 * 2 ** 30, entries: 200_000 };

/**
 * Lists a zip by random access; nothing is unpacked yet and the blob is not read into memory.
 * An unreadable zip gives a source without files and a note; it does not throw. Images that lie in no folder at
 * all get the name of the zip as their class.
 * @param name the file name, for people
 */
export async function fromZip(blob: Blob, name: string, labelling: Labelling = {}, limits: ZipLimits = LIMITS): Promise<Source> {
  const title = name.replace(/\.zip$/i, "");
  const found: Found[] = [];
  const notes: Note[] = [];
  const warnings: string[] = [];
  const leaveOut = (source: string, kind: Note["kind"], reason: string) => notes.push({ source, kind, reason, outcome: "left out" });
  const spent = { bytes: 0 };
  try {
    const reader = new ZipReader(new BlockReader(blob), {
      useWebWorkers: false,
      strictness: "tolerant",
      checkCrc32: true,
    });
    let count = 0;
    for await (const entry of reader.getEntriesGenerator()) {
      if (++count > limits.entries) {
        warnings.push(`${name} holds more than ${limits.entries} entries: the rest was not read.`);
        break;
      }
      if (entry.directory) continue;
      const path = entry.filename.replaceAll("\\", "/").replace(/^(\.\/)+/, "");
      if (/^(\/|[a-z]:)/i.test(path) || path.split("/").includes("..")) {
        leaveOut(entry.filename, "unsafe path", "its path leads out of the zip");
      } else if (entry.encrypted) {
        leaveOut(path, "encrypted", "protected by a password");
      } else {
        found.push({ path, open: () => extract(entry, spent, limits) });
      }
    }
  } catch {
    const part = "a damaged zip: only the first part of its directory could be read";
    leaveOut(name, "damaged", found.length > 0 ? part : "not a readable zip: cut off, damaged, or of another kind");
  }
  const source = arrange(title, found, { fallback: title, ...labelling });
  return { ...source, notes: [...notes, ...source.notes], warnings: [...warnings, ...source.warnings] };
}

async function extract(entry: FileEntry, spent: { bytes: number }, limits: ZipLimits): Promise<Blob> {
  const tooLarge = new Refusal("huge", `unpacks to more than ${mebibytes(limits.file)}`);
  const exhausted = new Refusal("huge", `the zip unpacks to more than ${mebibytes(limits.total)} in all`);
  if (entry.uncompressedSize > limits.file) throw tooLarge;
  if (spent.bytes > limits.total) throw exhausted;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  let stop: Refusal | undefined;
  const sink = new WritableStream<Uint8Array<ArrayBuffer>>({
    write(chunk) {
      size += chunk.length;
      spent.bytes += chunk.length;
      stop = size > limits.file ? tooLarge : spent.bytes > limits.total ? exhausted : undefined;
      if (stop !== undefined) throw stop;
      chunks.push(chunk);
    },
  });
  try {
    await entry.getData(sink);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw stop ?? new Refusal("damaged", `damaged inside the zip (${why})`);
  }
  return new Blob(chunks);
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

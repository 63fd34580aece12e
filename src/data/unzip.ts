/** A zip as a list of files: its directory is read at once, each entry is unpacked when its turn comes. */

// The build without bundled codecs: every browser that has WebGPU inflates by itself.
import { type FileEntry, ZipReader } from "@zip.js/zip.js/lib/zip-core-custom.js";
import { crc32 } from "../formats/checksum.ts";
import { Blocks, ZipBlocks } from "./block.ts";
import { pacer } from "./pace.ts";
import { leadsOut } from "./paths.ts";
import { Refusal } from "./refusal.ts";
import { type Listing, leaveOut, listing } from "./source.ts";
import { Spill } from "./spill.ts";

/** Ceilings in bytes and counts. Real output is counted: the sizes a zip declares can be forged. */
export interface ZipLimits {
  /** Of one entry. */
  readonly file: number;
  /** Of an entry that holds many images (an array, a table, a batch), which goes to the browser's blobs and not to the heap. */
  readonly data: number;
  readonly total: number;
  readonly entries: number;
}

export const ZIP_LIMITS: ZipLimits = { file: 64 * 2 ** 20, data: 4 * 2 ** 30, total: 16 * 2 ** 30, entries: 1_000_000 };

const DATA = /(\.(npy|npz|parquet|bin)|ubyte(\.gz)?|_batch(_\d+)?|(^|\/)(train|test))$/i;
/** The zip format's numbers for the ways to pack, where browsers lack the way back. */
const METHODS: Readonly<Record<number, string>> = { 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd" };
/** Packed bytes up to which an entry is read together with its neighbours. */
const SMALL = 2 ** 20;

/** What is kept of an entry: the library's own record takes 7 KB, which is too much for 100,000 of them. */
interface Member {
  readonly offset: number;
  readonly packed: number;
  readonly size: number;
  readonly method: number;
  readonly crc: number;
}

/**
 * Lists a zip by random access; nothing is unpacked yet and the blob is not read into memory.
 * An unreadable zip gives a note; it does not throw.
 * @param name the file name, for people
 */
export async function listZip(blob: Blob, name: string, limits: ZipLimits = ZIP_LIMITS): Promise<Listing> {
  const list = listing();
  const spent = { bytes: 0 };
  const blocks = new Blocks(blob);
  try {
    const reader = new ZipReader(new ZipBlocks(blocks), { useWebWorkers: false, strictness: "tolerant" });
    let count = 0;
    const pause = pacer();
    for await (const entry of reader.getEntriesGenerator()) {
      if (++count > limits.entries) {
        list.warnings.push(`${name} holds more than ${limits.entries} entries: the rest was not read.`);
        break;
      }
      await pause();
      if (entry.directory) continue;
      const path = entry.filename.replaceAll("\\", "/").replace(/^(\.\/)+/, "");
      if (leadsOut(path)) {
        leaveOut(list, entry.filename, "unsafe path", "its path leads out of the zip");
      } else if (entry.encrypted) {
        leaveOut(list, path, "encrypted", "protected by a password: unpack it with the password first");
      } else {
        const member = memberOf(entry);
        list.found.push({ path, open: () => extract(blocks, member, spent, DATA.test(path) ? limits.data : limits.file, limits.total) });
      }
    }
  } catch {
    const part = "a damaged zip: only the first part of its directory could be read";
    leaveOut(list, name, "damaged", list.found.length > 0 ? part : "not a readable zip: cut off, damaged, or of another kind");
  }
  return list;
}

function memberOf({ offset, compressedSize, uncompressedSize, compressionMethod, signature }: FileEntry): Member {
  return { offset, packed: compressedSize, size: uncompressedSize, method: compressionMethod, crc: signature ?? 0 };
}

async function extract(blocks: Blocks, member: Member, spent: { bytes: number }, most: number, total: number): Promise<Blob> {
  const tooLarge = new Refusal("huge", `unpacks to more than ${mebibytes(most)}`);
  const exhausted = new Refusal("huge", `the zip unpacks to more than ${mebibytes(total)} in all`);
  if (member.size > most) throw tooLarge;
  if (spent.bytes > total) throw exhausted;
  const missing = METHODS[member.method];
  if (member.method !== 0 && member.method !== 8) {
    const how = missing ?? `method ${member.method}`;
    throw new Refusal("unreadable", `packed by ${how}, which browsers cannot unpack: zip it again in the usual way (Deflate)`);
  }
  const packed = await packedBytes(blocks, member);
  let size = 0;
  let crc = 0;
  const spill = new Spill((chunk) => {
    size += chunk.length;
    spent.bytes += chunk.length;
    if (size > most) throw tooLarge;
    if (spent.bytes > total) throw exhausted;
    crc = crc32(chunk, crc);
  });
  try {
    const blob = await spill.take(member.method === 8 ? packed.pipeThrough(new DecompressionStream("deflate-raw")) : packed);
    if (crc === member.crc) return blob;
  } catch (error) {
    if (error instanceof Refusal) throw error;
  }
  throw new Refusal("damaged", "damaged inside the zip");
}

/** The bytes of an entry as they lie in the zip, behind a header of their own whose length only it tells. */
async function packedBytes(blocks: Blocks, { offset, packed }: Member): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const head = await blocks.read(offset, 30);
  const view = new DataView(head.buffer);
  if (head.length < 30 || view.getUint32(0) !== 0x504b0304) throw new Refusal("damaged", "damaged inside the zip: its header is missing");
  const start = offset + 30 + view.getUint16(26, true) + view.getUint16(28, true);
  if (start + packed > blocks.blob.size) throw new Refusal("damaged", "damaged inside the zip: it is cut off");
  if (packed > SMALL) return blocks.blob.slice(start, start + packed).stream();
  const bytes = await blocks.read(start, packed);
  return new ReadableStream({
    start(controller) {
      if (bytes.length > 0) controller.enqueue(bytes);
      controller.close();
    },
  });
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}

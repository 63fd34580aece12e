/** A tar as a source's files, by random access; a tar.gz is unpacked once, into the browser's blobs. */

import { BLOCK, readTarFields, readTarHeader, text } from "../formats/tar.ts";
import { Blocks } from "./block.ts";
import { pacer } from "./pace.ts";
import { leadsOut } from "./paths.ts";
import { refusalOf } from "./refusal.ts";
import { type Listing, leaveOut, listing } from "./source.ts";
import { gunzip } from "./spill.ts";

/** Bytes of a name, of extended fields, or of a file that is read along with its neighbours. */
const MOST_SMALL = 2 ** 20;
const MOST_ENTRIES = 1_000_000;

/**
 * Lists a tar. What is unreadable gives a note; nothing is thrown.
 * @param name the file name, for people; ".gz" or ".tgz" at its end says that it is packed
 */
export async function listTar(blob: Blob, name: string): Promise<Listing> {
  const list = listing();
  try {
    await walk(new Blocks(/\.(tgz|gz)$/i.test(name) ? await gunzip(blob) : blob), name, list);
  } catch (error) {
    const { kind, message } = refusalOf(error);
    leaveOut(list, name, kind, list.found.length > 0 ? `${message}: only the files in front of that could be read` : message);
  }
  return list;
}

async function walk(blocks: Blocks, name: string, list: Listing): Promise<void> {
  const { size } = blocks.blob;
  let longName: string | undefined;
  let fields = new Map<string, string>();
  let count = 0;
  const pause = pacer();
  if (size === 0) leaveOut(list, name, "damaged", "an empty file (0 bytes)");
  for (let at = 0; at < size; ) {
    await pause();
    const header = readTarHeader(await blocks.read(at, BLOCK));
    if (header === undefined) return;
    const start = at + BLOCK;
    const length = Number(fields.get("size") ?? header.size);
    if (!Number.isSafeInteger(length) || length < 0 || start + length > size) {
      leaveOut(list, longName ?? header.name, "damaged", "the tar ends before this file does");
      return;
    }
    at = start + Math.ceil(length / BLOCK) * BLOCK;
    if (header.kind === "name" || header.kind === "fields") {
      const bytes = await blocks.read(start, Math.min(length, MOST_SMALL));
      if (header.kind === "name") longName = text(bytes);
      else fields = readTarFields(bytes);
      continue;
    }
    const path = (fields.get("path") ?? longName ?? header.name).replace(/^(\.\/)+/, "");
    longName = undefined;
    fields = new Map();
    if (header.kind !== "file" || path.endsWith("/")) continue;
    if (++count > MOST_ENTRIES) {
      list.warnings.push(`${name} holds more than ${MOST_ENTRIES} files: the rest was not read.`);
      return;
    }
    if (leadsOut(path)) leaveOut(list, path, "unsafe path", "its path leads out of the tar");
    else {
      const open = async () => blocks.blob.slice(start, start + length);
      list.found.push(length > MOST_SMALL ? { path, open } : { path, open, read: () => blocks.read(start, length) });
    }
  }
  if (size > 0) list.warnings.push(`${name} ends without the mark of its end: it may be cut off.`);
}

/**
 * Headers of tar archives: the old format, ustar, GNU's long names and POSIX's extended headers. Pure.
 * Source: POSIX.1-2024, pax; GNU tar manual, "Basic Tar Format".
 */

import { FormatError } from "./error.ts";

export const BLOCK = 512;

export interface TarHeader {
  readonly name: string;
  /** Of the content in bytes, which starts with the next block and is filled up to whole blocks. */
  readonly size: number;
  /**
   * "file"; "name": the content is the name of the next entry; "fields": it is extended fields of the next entry;
   * "other": a folder, a link, a device or defaults for all entries, which hold nothing to read.
   */
  readonly kind: "file" | "name" | "fields" | "other";
}

/** The header in a block of 512 bytes; undefined for a block of zeros, two of which end an archive. @throws FormatError */
export function readTarHeader(block: Uint8Array): TarHeader | undefined {
  if (block.length < BLOCK) throw new FormatError("truncated", "the tar ends inside a header");
  if (block.every((byte) => byte === 0)) return undefined;
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  if (number(block.subarray(148, 156)) !== sum) throw new FormatError("header", "a tar header whose checksum is wrong");
  const size = number(block.subarray(124, 136));
  if (!Number.isSafeInteger(size) || size < 0) throw new FormatError("size", "a tar header with a senseless size");
  const ustar = text(block.subarray(257, 262)) === "ustar";
  // GNU tar writes other things in the place of POSIX's prefix.
  const prefix = ustar && block[263] === 0x30 ? text(block.subarray(345, 500)) : "";
  const name = text(block.subarray(0, 100));
  return { name: prefix === "" ? name : `${prefix}/${name}`, size, kind: KINDS[String.fromCharCode(block[156] ?? 0)] ?? "other" };
}

const KINDS: Readonly<Record<string, TarHeader["kind"]>> = { "\0": "file", "0": "file", "7": "file", L: "name", x: "fields" };

/** Extended fields: "length key=value\n" again and again, where length counts the whole line in bytes. @throws FormatError */
export function readTarFields(bytes: Uint8Array): Map<string, string> {
  const fields = new Map<string, string>();
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(text(bytes.subarray(at, space)));
    const line = text(bytes.subarray(space + 1, at + length - 1));
    const equals = line.indexOf("=");
    if (space < 0 || !Number.isInteger(length) || length < 5 || at + length > bytes.length || equals < 1) {
      throw new FormatError("header", "extended tar fields that make no sense");
    }
    fields.set(line.slice(0, equals), line.slice(equals + 1));
    at += length;
  }
  return fields;
}

/** Octal digits, or, for sizes of 8 GiB and more, big-endian bytes after one whose first bit is set. */
function number(field: Uint8Array): number {
  if ((field[0] ?? 0) & 0x80) return field.reduce((value, byte, i) => value * 256 + (i === 0 ? byte & 0x7f : byte), 0);
  const digits = text(field).trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || "0", 8) : Number.NaN;
}

/** Up to the first zero byte. */
export function text(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

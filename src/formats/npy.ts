/** NumPy's .npy: the header, and numbers out of its bytes. Pure. Source: NumPy Enhancement Proposal 1 (numpy.lib.format). */

import { FormatError, UnsupportedError } from "./error.ts";

/** Bytes that hold the header of any array that is a set of images. */
export const NPY_HEADER_BYTES = 65536;

export interface NpyHeader {
  readonly shape: readonly number[];
  readonly fortran: boolean;
  /** u unsigned, i signed, f float, b bool, U text of UCS-4, S text of bytes. */
  readonly kind: "u" | "i" | "f" | "b" | "U" | "S";
  /** Bytes of an element. */
  readonly width: number;
  readonly little: boolean;
  /** Where the elements begin. */
  readonly start: number;
}

/**
 * @param bytes the first bytes of the file
 * @param size of the whole file
 * @throws FormatError when it is no .npy or shorter than its shape says; UnsupportedError for objects and records
 */
export function readNpy(bytes: Uint8Array, size: number): NpyHeader {
  const latin = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  if (latin(0, 6) !== "\x93NUMPY" || bytes.length < 12) throw new FormatError("header", "not an .npy array");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const wide = (bytes[6] ?? 0) > 1;
  const from = wide ? 12 : 10;
  const start = from + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  if (start > bytes.length) throw new FormatError("truncated", "an .npy header that is cut off");
  const header = new TextDecoder().decode(bytes.subarray(from, start));
  const descr = /'descr':\s*'([<>|=])([a-zA-Z])(\d+)'/.exec(header);
  if (!descr) throw new UnsupportedError("this array", "its elements are records or objects");
  const [, order, kind, digits] = descr as unknown as [string, string, string, string];
  if (!/^[uifbUS]$/.test(kind)) throw new UnsupportedError("this array", `its elements are of the type ${kind}${digits}`);
  const listed = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (listed === undefined) throw new FormatError("header", "an .npy header without a shape");
  const shape = (listed.match(/\d+/g) ?? []).map(Number);
  const width = Number(digits) * (kind === "U" ? 4 : 1);
  if (start + shape.reduce((product, side) => product * side, width) > size) {
    throw new FormatError("truncated", `an .npy that is cut off: ${shape.join(" × ")} elements are announced`);
  }
  return { shape, fortran: /'fortran_order':\s*True/.test(header), kind: kind as NpyHeader["kind"], width, little: order !== ">", start };
}

/** Elements of a numeric array as numbers. @throws UnsupportedError for text and for widths that no number has */
export function npyNumbers({ kind, width, little }: NpyHeader, bytes: Uint8Array): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const readers: Readonly<Record<string, (at: number) => number>> = {
    b1: (at: number) => view.getUint8(at),
    u1: (at: number) => view.getUint8(at),
    u2: (at: number) => view.getUint16(at, little),
    u4: (at: number) => view.getUint32(at, little),
    u8: (at: number) => Number(view.getBigUint64(at, little)),
    i1: (at: number) => view.getInt8(at),
    i2: (at: number) => view.getInt16(at, little),
    i4: (at: number) => view.getInt32(at, little),
    i8: (at: number) => Number(view.getBigInt64(at, little)),
    f2: (at: number) => half(view.getUint16(at, little)),
    f4: (at: number) => view.getFloat32(at, little),
    f8: (at: number) => view.getFloat64(at, little),
  };
  const read = readers[`${kind}${width}`];
  if (read === undefined) throw new UnsupportedError("this array", `its elements are of the type ${kind}${width}`);
  return Float64Array.from({ length: Math.floor(bytes.length / width) }, (_, i) => read(i * width));
}

/** Elements of a text array. */
export function npyTexts({ kind, width, little }: NpyHeader, bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const unit = kind === "U" ? 4 : 1;
  return Array.from({ length: width === 0 ? 0 : Math.floor(bytes.length / width) }, (_, i) => {
    const codes = Array.from({ length: width / unit }, (__, k) => {
      const at = i * width + k * unit;
      return unit === 4 ? view.getUint32(at, little) : view.getUint8(at);
    });
    const end = codes.indexOf(0);
    return String.fromCodePoint(...codes.slice(0, end < 0 ? codes.length : end).map((code) => (code > 0x10ffff ? 0xfffd : code)));
  });
}

function half(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const size =
    exponent === 0
      ? fraction * 2 ** -24
      : exponent === 31
        ? fraction
          ? Number.NaN
          : Infinity
        : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

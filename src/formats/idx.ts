/** Headers of IDX files, the format of MNIST. Pure. Source: yann.lecun.com/exdb/mnist, "File formats". */

import { FormatError } from "./error.ts";

/** Bytes that hold any header: four, and four for each of at most 255 axes. */
export const IDX_HEADER_BYTES = 4 + 4 * 255;

export interface IdxHeader {
  readonly shape: readonly number[];
  /** Where the bytes begin, one per element. */
  readonly start: number;
}

/**
 * @param bytes the first bytes of the file
 * @param size of the whole file
 * @throws FormatError when it is no IDX file of bytes, or shorter than its shape says
 */
export function readIdx(bytes: Uint8Array, size: number): IdxHeader {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) throw new FormatError("header", "not an IDX file");
  if (bytes[2] !== 8) throw new FormatError("dtype", "an IDX file whose numbers are not unsigned bytes");
  const axes = bytes[3] as number;
  const start = 4 + 4 * axes;
  if (axes === 0 || bytes.length < start) throw new FormatError("truncated", "an IDX file that is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const shape = Array.from({ length: axes }, (_, i) => view.getUint32(4 + 4 * i));
  const needed = shape.reduce((product, side) => product * side, 1);
  if (start + needed > size) throw new FormatError("truncated", `an IDX file that is cut off: ${needed} bytes are announced`);
  return { shape, start };
}

/** Numbers of two bytes, two to a word, the first in the low half: how frozen weights may lie on the GPU. */
import type { PackedType } from "./tensor.ts";

/** The largest finite binary16. */
const LARGEST = 65504;

/** Whether f16 can hold all `values`: none is above ±65504, infinite or NaN. */
export const fitsF16 = (values: Float32Array): boolean => values.every((v) => Math.abs(v) <= LARGEST);

/**
 * `values` rounded to nearest, ties to even, as words; the last one of an odd count ends in zeros. What lies beyond f16 becomes
 * infinite: ask `fitsF16` first.
 */
export function pack(values: Float32Array, type: PackedType): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(values.length / 2));
  const halves = new Uint16Array(words.buffer);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const round = type === "f16" ? toF16 : toBf16;
  for (let i = 0; i < bits.length; i++) halves[i] = round(bits[i] as number);
  return words;
}

/** binary32 (1 sign, 8 exponent, 23 fraction bits) to binary16 (1, 5, 10), as bits. */
function toF16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  if (size > 0x7f800000) return sign | 0x7e00; // NaN
  if (size >= 0x47800000) return sign | 0x7c00; // 2¹⁶ and beyond
  // Normal: the exponent's bias shrinks from 127 to 15. A carry out of the fraction is the next exponent, and past the last infinity.
  if (size >= 0x38800000) return sign | rounded(size - (112 << 23), 13);
  // Subnormal: a multiple of 2⁻²⁴. Up to 2⁻²⁵, a tie, all is zero.
  const exponent = size >>> 23;
  return exponent < 102 ? sign : sign | rounded((size & 0x7fffff) | 0x800000, 126 - exponent);
}

/** bfloat16 is the upper half of a float32; a NaN whose fraction is all in the lower half must stay one. */
const toBf16 = (bits: number): number => ((bits & 0x7fffffff) > 0x7f800000 ? (bits >>> 16) | 0x40 : rounded(bits, 16));

/** `n` without its last `drop` bits (1 to 24), to nearest, ties to even. */
const rounded = (n: number, drop: number): number => (n + 2 ** (drop - 1) - 1 + ((n >>> drop) & 1)) >>> drop;

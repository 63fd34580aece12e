/**
 * Resizing as Pillow does it, bit by bit: a separable antialiased convolution in fixed point.
 *
 * Models were trained on images prepared by Pillow; a canvas resizes differently, and accuracy drops without an error.
 */

import type { Preprocess } from "./dataset.ts";

/** An image whose rows can be had in bands, so that a 100-megapixel photo is never held twice. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** 3: RGB. 4: RGBA, of which the fourth is ignored. */
  readonly channels: 3 | 4;
  /** (count, width, channels) bytes of the rows top … top + count − 1; valid until the next call. */
  readonly rows: (top: number, count: number) => ArrayLike<number>;
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Output i of one axis is the sum of `count[i]` inputs from `start[i]` on, weighted by `values[i·stride …]`. */
interface Weights {
  readonly start: Int32Array;
  readonly count: Int32Array;
  readonly values: Int32Array;
  readonly stride: number;
}

/** Fraction bits of a weight: 32, less 8 for the pixel, less 2 for sign and overshoot. */
const PRECISION = 22;
/** Rows per call of `Picture.rows`. */
const BAND = 256;

const FILTERS = {
  bilinear: { support: 1, at: (x: number) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, at: cubic },
} as const;

/** The cubic convolution kernel with a = −0.5. */
function cubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * a;
  return 0;
}

/** Size in pixels after the shortest edge was brought to `shortest`; the longer edge is cut to an integer. */
export function resizedSize(width: number, height: number, shortest: number): { width: number; height: number } {
  const long = Math.trunc((shortest * Math.max(width, height)) / Math.min(width, height));
  return width <= height ? { width: shortest, height: long } : { width: long, height: shortest };
}

/**
 * Resizes to (width, height), equal to Pillow's `Image.resize` of an RGB image.
 * @param box the part of the result to compute, by default all of it
 * @returns (box.height, box.width, 3)
 */
export function resize(
  picture: Picture,
  width: number,
  height: number,
  resample: Preprocess["resample"],
  box: Box = { left: 0, top: 0, width, height },
): Uint8Array {
  const across = weigh(picture.width, width, box.left, box.width, resample);
  const down = weigh(picture.height, height, box.top, box.height, resample);
  const first = down.start[0] ?? 0;
  const last = (down.start[box.height - 1] ?? 0) + (down.count[box.height - 1] ?? 0);
  const narrow = new Uint8Array((last - first) * box.width * 3);
  for (let top = first; top < last; top += BAND) {
    const count = Math.min(BAND, last - top);
    narrowRows(picture.rows(top, count), count, picture, across, narrow.subarray((top - first) * box.width * 3));
  }
  return sumRows(narrow, first, box.width, down);
}

/** Shortest edge (or both edges) to `resize`, then the centre `crop` × `crop`. Returns (crop, crop, 3). */
export function fitPicture(picture: Picture, { resize: side, stretch = false, resample, crop }: Preprocess): Uint8Array {
  const { width, height } = stretch ? { width: side, height: side } : resizedSize(picture.width, picture.height, side);
  const box = { left: (width - crop) >> 1, top: (height - crop) >> 1, width: crop, height: crop };
  return resize(picture, width, height, resample, box);
}

/** Weights of outputs first … first + count − 1 of an axis that goes from `from` to `to` pixels. */
function weigh(from: number, to: number, first: number, count: number, resample: Preprocess["resample"]): Weights {
  const filter = FILTERS[resample];
  const scale = from / to;
  // When shrinking, the filter is stretched over all inputs of an output: that is the antialiasing.
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const stride = Math.ceil(support) * 2 + 1;
  const weights = {
    start: new Int32Array(count),
    count: new Int32Array(count),
    values: new Int32Array(count * stride),
    stride,
  };
  const exact = new Float64Array(stride);
  for (let i = 0; i < count; i++) {
    const centre = (first + i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const taps = Math.min(from, Math.trunc(centre + support + 0.5)) - start;
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      const weight = filter.at((start + k - centre + 0.5) * (1 / stretch));
      exact[k] = weight;
      sum += weight;
    }
    for (let k = 0; k < taps; k++) {
      const weight = ((exact[k] ?? 0) / sum) * 2 ** PRECISION;
      weights.values[i * stride + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    weights.start[i] = start;
    weights.count[i] = taps;
  }
  return weights;
}

/** Horizontal pass: (count, picture.width, channels) to (count, outputs, 3), rounded to bytes as Pillow does. */
function narrowRows(rows: ArrayLike<number>, count: number, picture: Picture, across: Weights, out: Uint8Array): void {
  const { channels, width } = picture;
  let to = 0;
  for (let y = 0; y < count; y++) {
    for (let x = 0; x < across.start.length; x++) {
      let r = 1 << (PRECISION - 1);
      let g = r;
      let b = r;
      let at = (y * width + (across.start[x] as number)) * channels;
      let k = x * across.stride;
      for (const end = k + (across.count[x] as number); k < end; k++, at += channels) {
        const weight = across.values[k] as number;
        r = (r + Math.imul(rows[at] as number, weight)) | 0;
        g = (g + Math.imul(rows[at + 1] as number, weight)) | 0;
        b = (b + Math.imul(rows[at + 2] as number, weight)) | 0;
      }
      out[to++] = toByte(r);
      out[to++] = toByte(g);
      out[to++] = toByte(b);
    }
  }
}

/** Vertical pass over rows that begin at row `first` of the picture. */
function sumRows(rows: Uint8Array, first: number, width: number, down: Weights): Uint8Array {
  const length = width * 3;
  const out = new Uint8Array(down.start.length * length);
  for (let y = 0; y < down.start.length; y++) {
    const top = ((down.start[y] as number) - first) * length;
    const taps = down.count[y] as number;
    for (let x = 0; x < length; x++) {
      let sum = 1 << (PRECISION - 1);
      for (let k = 0; k < taps; k++) {
        sum = (sum + Math.imul(rows[top + k * length + x] as number, down.values[y * down.stride + k] as number)) | 0;
      }
      out[y * length + x] = toByte(sum);
    }
  }
  return out;
}

function toByte(sum: number): number {
  const value = sum >> PRECISION;
  return value < 0 ? 0 : Math.min(value, 255);
}

/**
 * What a picture looks like, small enough to compare all pairs of a set: a perceptual hash of its coarse light and dark (Zauner 2010,
 * "Implementation and Benchmarking of Perceptual Image Hash Functions", section 3.2.1: the signs of low frequencies about their
 * median), and a few coloured cells against pictures of which the hash says nothing. Saving again, resizing and a change of
 * brightness keep both; mirroring does not.
 */

/** Bytes of a description's cells: (8, 8, 3). */
export const CELLS = 192;
const CELL_SIDE = 8;
const SIDE = 32;
const LOW = 8;
/** Mean difference of the cells, in levels of 255, from which on two pictures are different ones. */
const APART = 12;
const NOISE = 1.5;

export interface Descriptions {
  /** (n, 2) the two halves of each hash. */
  readonly hashes: Uint32Array;
  /** (n, 192) */
  readonly cells: Uint8Array;
}

/** cos(π / 32 · (x + ½) · u), row by row of u: the frequencies 0 … 7 of a cosine transform of 32 values. */
const WAVES = Float64Array.from({ length: LOW * SIDE }, (_, i) => Math.cos((Math.PI / SIDE) * ((i % SIDE) + 0.5) * Math.floor(i / SIDE)));

/**
 * Describes images that lie side by side.
 * @param pixels (n, size, size, 3) RGB
 */
export function describe(pixels: Uint8Array, size: number): Descriptions {
  const bytes = size * size * 3;
  const n = pixels.length / bytes;
  const hashes = new Uint32Array(n * 2);
  const cells = new Uint8Array(n * CELLS);
  const shrunk = new Float32Array(SIDE * SIDE * 3);
  for (let i = 0; i < n; i++) {
    shrink(pixels.subarray(i * bytes, (i + 1) * bytes), size, shrunk);
    hashes.set(hash(shrunk), i * 2);
    paint(shrunk, cells.subarray(i * CELLS, (i + 1) * CELLS));
  }
  return { hashes, cells };
}

/** Hash bits in which two images differ, 0 … 64. */
export function distance({ hashes }: Descriptions, a: number, b: number): number {
  return ones((hashes[2 * a] ?? 0) ^ (hashes[2 * b] ?? 0)) + ones((hashes[2 * a + 1] ?? 0) ^ (hashes[2 * b + 1] ?? 0));
}

/**
 * Whether two images have the same colours in the same places, up to a change of brightness and contrast. The plainer they are, the
 * less may differ: what is left of an open sea is its noise.
 */
export function sameColours({ cells }: Descriptions, a: number, b: number): boolean {
  const [from, to] = [a * CELLS, b * CELLS];
  const tints = [0, 0, 0];
  let meanB = 0;
  for (let i = 0; i < CELLS; i++) {
    tints[i % 3] = (tints[i % 3] as number) + ((cells[from + i] as number) * 3) / CELLS;
    meanB += (cells[to + i] as number) / CELLS;
  }
  const meanA = ((tints[0] as number) + (tints[1] as number) + (tints[2] as number)) / 3;
  let [product, square, spread] = [0, 0, 0];
  for (let i = 0; i < CELLS; i++) {
    const cell = cells[from + i] as number;
    product += (cell - meanA) * ((cells[to + i] as number) - meanB);
    square += (cell - meanA) ** 2;
    spread += Math.abs(cell - (tints[i % 3] as number)) / CELLS;
  }
  const gain = square === 0 ? 1 : Math.min(2, Math.max(0.5, product / square));
  let difference = 0;
  for (let i = 0; i < CELLS; i++) {
    difference += Math.abs((cells[to + i] as number) - meanB - gain * ((cells[from + i] as number) - meanA)) / CELLS;
  }
  return difference < Math.min(APART, NOISE + spread / 2);
}

/** Means over the pixels of each of (32, 32) places; a smaller image repeats its pixels. */
function shrink(pixels: Uint8Array, size: number, into: Float32Array): void {
  for (let y = 0; y < SIDE; y++) {
    const top = Math.floor((y * size) / SIDE);
    const bottom = Math.max(top + 1, Math.floor(((y + 1) * size) / SIDE));
    for (let x = 0; x < SIDE; x++) {
      const left = Math.floor((x * size) / SIDE);
      const right = Math.max(left + 1, Math.floor(((x + 1) * size) / SIDE));
      let [red, green, blue] = [0, 0, 0];
      for (let row = top; row < bottom; row++) {
        for (let at = (row * size + left) * 3, end = (row * size + right) * 3; at < end; at += 3) {
          red += pixels[at] as number;
          green += pixels[at + 1] as number;
          blue += pixels[at + 2] as number;
        }
      }
      const count = (bottom - top) * (right - left);
      const to = (y * SIDE + x) * 3;
      into[to] = red / count;
      into[to + 1] = green / count;
      into[to + 2] = blue / count;
    }
  }
}

const grey = new Float64Array(SIDE * SIDE);
const rows = new Float64Array(SIDE * LOW);
const waves = new Float64Array(LOW * LOW);

function hash(shrunk: Float32Array): Uint32Array {
  for (let i = 0, at = 0; i < SIDE * SIDE; i++, at += 3) {
    grey[i] = 0.299 * (shrunk[at] as number) + 0.587 * (shrunk[at + 1] as number) + 0.114 * (shrunk[at + 2] as number);
  }
  for (let y = 0; y < SIDE; y++) {
    for (let u = 0; u < LOW; u++) {
      let sum = 0;
      for (let x = 0; x < SIDE; x++) sum += (grey[y * SIDE + x] as number) * (WAVES[u * SIDE + x] as number);
      rows[y * LOW + u] = sum;
    }
  }
  for (let v = 0; v < LOW; v++) {
    for (let u = 0; u < LOW; u++) {
      let sum = 0;
      for (let y = 0; y < SIDE; y++) sum += (rows[y * LOW + u] as number) * (WAVES[v * SIDE + y] as number);
      waves[v * LOW + u] = sum;
    }
  }
  // The first is the brightness, which says nothing.
  waves[0] = 0;
  const sorted = waves.toSorted();
  // A hundredth of a level above it, so that a plain picture has no bits and not those of its rounding.
  const median = ((sorted[31] as number) + (sorted[32] as number)) / 2 + 0.01 * SIDE * SIDE;
  const bits = new Uint32Array(2);
  // Neighbouring frequencies are alike, so they are dealt out over the quarters by which `twins.ts` looks images up.
  for (let i = 0; i < 64; i++) {
    if ((waves[i] as number) > median) bits[(i >> 1) & 1] = (bits[(i >> 1) & 1] as number) | (1 << ((i >> 2) + 16 * (i & 1)));
  }
  return bits;
}

function paint(shrunk: Float32Array, into: Uint8Array): void {
  const step = SIDE / CELL_SIDE;
  for (let i = 0; i < CELLS; i++) {
    const [cell, channel] = [Math.floor(i / 3), i % 3];
    const [top, left] = [Math.floor(cell / CELL_SIDE) * step, (cell % CELL_SIDE) * step];
    let sum = 0;
    for (let y = top; y < top + step; y++) for (let x = left; x < left + step; x++) sum += shrunk[(y * SIDE + x) * 3 + channel] as number;
    into[i] = Math.round(sum / (step * step));
  }
}

function ones(word: number): number {
  let w = word - ((word >>> 1) & 0x55555555);
  w = (w & 0x33333333) + ((w >>> 2) & 0x33333333);
  return Math.imul((w + (w >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

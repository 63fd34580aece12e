/** How products by shaders/lib/product.wgsl are cut into tiles, and which cuts are worth a trial on a device. */
import type { Variant } from "./op.ts";

/** The knobs of lib/product.wgsl. */
export interface Tile {
  readonly TILE_M: number;
  readonly TILE_N: number;
  readonly TILE_K: number;
  readonly ROWS: number;
  readonly COLS: number;
  /** Parts of the invocations that share every round along k. */
  readonly SPLIT: number;
  /** How many times the tiles are kept. */
  readonly STAGES: number;
}

/** How a product is run: in tiles of y, and in slices along k that are summed afterwards. */
export interface Cut extends Variant {
  readonly tile: Tile;
  readonly slices: number;
}

/**
 * Tiles as M × N × K / ROWS × COLS / SPLIT / STAGES, by their TFLOP/s on a card of UNITS multiprocessors when full. Those of 48 × 96 cut
 * sides that are multiples of 768 into powers of two, which leave little of 132 units idle.
 */
const TILES = Object.entries({
  53: "64x128x8/8x8/1/2 128x64x8/8x8/1/2",
  50: "64x64x8/8x8/1/2 128x128x8/8x8/1/2",
  44: "64x64x16/8x8/2/1 64x128x16/8x8/2/1 128x32x16/8x4/1/1",
  41: "64x64x32/8x8/4/1 64x64x16/8x4/2/1 48x96x16/4x12/4/2",
  40: "32x64x32/8x8/4/1 64x32x32/8x8/4/1",
  33: "32x32x32/8x4/4/1 64x32x16/4x4/1/2 32x64x16/4x4/1/2",
  27: "32x32x16/4x4/1/2",
  21: "16x16x64/4x4/4/1",
}).flatMap(([rate, names]) => names.split(" ").map((name) => ({ name, rate: Number(rate), tile: tileOf(name) })));
const UNITS = 132;

/** A multiple of the TILE_K of every tile. */
export const DEEPEST = Math.max(...TILES.map(({ tile }) => tile.TILE_K));

/** From its name, "64x128x8/8x8/1/2". */
export function tileOf(name: string): Tile {
  const [TILE_M = 0, TILE_N = 0, TILE_K = 0, ROWS = 0, COLS = 0, SPLIT = 0, STAGES = 0] = name.split(/[x/]/).map(Number);
  return { TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT, STAGES };
}

/** The workgroups that an (m, n) result is cut into. */
export const tilesOf = ({ TILE_M, TILE_N }: Pick<Tile, "TILE_M" | "TILE_N">, m: number, n: number): number =>
  Math.ceil(m / TILE_M) * Math.ceil(n / TILE_N);

/** Slices are of whole tiles, and rounding up leaves nothing for the last ones of as many as were wanted. A slice is at least 128 deep. */
export function slicesOf({ TILE_K }: Pick<Tile, "TILE_K">, k: number, wanted: number): number {
  const most = Math.max(1, Math.min(wanted, Math.floor(k / 128)));
  return Math.ceil(k / (Math.ceil(k / most / TILE_K) * TILE_K));
}

/** Every device has 256 invocations and 16 KiB of memory for a workgroup: what is taken unmeasured does with them. */
const isModest = ({ TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT, STAGES }: Tile): boolean =>
  STAGES * TILE_K * (TILE_M + TILE_N + 8) * 4 <= 2 ** 14 && (TILE_M / ROWS) * (TILE_N / COLS) * SPLIT <= 256;

/**
 * What to try of a product (m, k) · (k, n) in `most` slices or fewer, the best guess first: every tile in its best number of slices, and
 * some in the second best. On another card one may be the fastest that is far from it here; those are left out that waste half their
 * work. Of a product that is over before one could tell there is the guess alone.
 */
export function cutsOf(m: number, n: number, k: number, most = 64): Cut[] {
  const guesses = TILES.map(({ name, rate, tile }) => {
    // As many workgroups as fill the units once, twice and so on, with little left over.
    const wanted = [1, 2, 4, 7].map((rounds) => Math.min(most, Math.floor((rounds * UNITS) / tilesOf(tile, m, n))));
    const counts = new Set([1, ...wanted.map((slices) => slicesOf(tile, k, slices))]);
    const cuts = Array.from(counts, (slices) => ({ name: `${name}/s${slices}`, tile, slices, us: guess(tile, rate, slices, m, n, k) }));
    return cuts.sort(byTime);
  });
  const ranked = (rank: number) => guesses.flatMap((cuts) => cuts.slice(rank, rank + 1)).sort(byTime);
  const cuts = [...ranked(0).slice(0, 12), ...ranked(1).slice(0, 2)].sort(byTime);
  const best = cuts.find(({ tile }) => isModest(tile)) as (typeof cuts)[number];
  return best.us < 1.5 ? [best] : [best, ...cuts.filter((cut) => cut !== best && cut.us <= 1.7 * best.us)];
}

const byTime = (a: { readonly us: number }, b: { readonly us: number }): number => a.us - b.us;

/** Microseconds on the card of TILES, mostly within 10 %: rounds of workgroups, and a second kernel with the slices' way through memory. */
function guess(tile: Tile, rate: number, slices: number, m: number, n: number, k: number): number {
  const { TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT } = tile;
  const rounds = Math.ceil((tilesOf(tile, m, n) * slices) / UNITS);
  const depth = Math.ceil(k / slices / TILE_K) * TILE_K;
  // A few invocations alone wait for memory more than they compute.
  const invocations = rounds * (TILE_M / ROWS) * (TILE_N / COLS) * SPLIT;
  const busy = invocations / (invocations + 130);
  const work = (rounds * UNITS * 2 * TILE_M * TILE_N * depth) / (rate * 1e6 * busy);
  return work + (slices > 1 ? 4 + (8 * slices * m * n) / 2.5e6 : 0);
}

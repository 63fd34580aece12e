import type { Given, Variant } from "../tensor/op.ts";
import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, type Grads, type Named, type Recorder } from "./op.ts";

export interface RandloraMerge {
  /** Factor of the update, α / r. */
  readonly gain: number;
}

/**
 * y (out, in) = w + gain · B diag(λ) A diag(γ), summed over the bases, as PEFT pairs their columns (never the n scaled copies
 * of A in memory). B is (≥ max(out, in), columns) and A is (rank, ≥ min(out, in)): one pair serves layers of all sizes, each
 * takes the corner it needs. λ is (rank, n), γ is (n, min(out, in)). When in > out the update is transposed.
 * B is f32, or u32 words of four one-byte codes, (rows, ⌈columns / 4⌉), which are indices of levels (256): the result is the
 * same bit for bit. Only λ and γ have gradients.
 */
export const randlora = defineOp<"w" | "basisB" | "basisA" | "lambda" | "gamma", "levels", RandloraMerge>({
  name: "randlora",
  forward: (r, x, { gain }) => ({ y: merge(r, "randlora", x, gain) }),
  backward(r, x, _saved, dy, need, { gain }) {
    if (need.w || need.basisA || need.basisB) throw new Error("randlora: the weight and the bases are frozen; only λ and γ have gradients");
    return project(r, "randlora", x, dy, gain);
  },
});

/** "ternary" is for bases whose entries are signs; see the op of that name. */
type Kind = "randlora" | "ternary";
type Inputs = Named<"w" | "basisB" | "basisA" | "lambda" | "gamma", "levels">;

/** FORM of shaders/lib/coded.wgsl. */
const FLOATS = 0;
const LEVELS = 1;
const SIGNS = 2;

/** A layer and its bases as the kernels see them. */
interface Layer {
  readonly kind: Kind;
  readonly x: Inputs;
  readonly gain: number;
  readonly form: typeof FLOATS | typeof LEVELS | typeof SIGNS;
  /** in > out. */
  readonly wide: boolean;
  readonly large: number;
  readonly small: number;
  readonly rank: number;
  readonly bases: number;
  readonly stride_a: number;
  readonly stride_b: number;
}

export function merge(r: Recorder, kind: Kind, x: Inputs, gain: number): Tensor {
  const layer = layerOf(kind, x, gain);
  if (isDirect(r, layer)) return mergeDirect(r, layer);
  const { large, small, rank, bases, wide } = layer;
  const problem = `${kind} merge ${large}x${small} ${rank}x${bases}${wide ? " wide" : ""}`;
  const cut = r.pick(problem, cutsOf(large, small, rank * bases, 1), (trial, some, given) => {
    mergeTiled(trial, { ...layer, x: givenLike(x, given) }, some);
  });
  return mergeTiled(r, layer, cut);
}

export function project(r: Recorder, kind: Kind, x: Inputs, dy: Tensor, gain: number): Grads<"lambda" | "gamma"> {
  const layer = layerOf(kind, x, gain);
  if (isDirect(r, layer)) return projectDirect(r, layer, dy);
  const { large, small, rank, bases, wide } = layer;
  const problem = `${kind} project ${large}x${small} ${rank}x${bases}${wide ? " wide" : ""}`;
  // What is kept of all slices, less the rows that lie where dγ will be, is no larger than the layer.
  const most = Math.max(1, Math.floor((large + bases) / (rank * bases)));
  const cut = r.pick(problem, cutsOf(rank * bases, small, large, most), (trial, some, given) => {
    projectTiled(trial, { ...layer, x: givenLike(x, given) }, given(dy.shape), some);
  });
  return projectTiled(r, layer, dy, cut);
}

function layerOf(kind: Kind, x: Inputs, gain: number): Layer {
  const [out, inner] = x.w.shape as [number, number];
  const [rank, bases] = x.lambda.shape as [number, number];
  const [large, small] = [Math.max(out, inner), Math.min(out, inner)];
  const stride_a = x.basisA.shape[1] as number;
  const [rowsB, stride_b] = x.basisB.shape as [number, number];
  const form = kind === "ternary" ? SIGNS : x.levels && x.basisB.type === "u32" ? LEVELS : FLOATS;
  const inA = form === SIGNS ? 16 : 1; // entries in a number of each
  const inB = [1, 4, 16][form] as number;
  if (rowsB < large || stride_b * inB < rank * bases || stride_a * inA < small) {
    throw new Error(`${kind}: bases (${x.basisB.shape}) and (${x.basisA.shape}) are too small for a (${out}, ${inner}) layer`);
  }
  return { kind, x, gain, form, wide: inner > out, large, small, rank, bases, stride_a, stride_b };
}

/** The tiled kernels read everything four numbers at a time; the direct ones take any size. */
const isDirect = (r: Recorder, { large, small, stride_a, form }: Layer): boolean =>
  r.software || large % 4 > 0 || small % 4 > 0 || (form !== SIGNS && stride_a % 4 > 0);

const givenLike = (x: Inputs, given: Given): Inputs =>
  Object.fromEntries(Object.entries(x).map(([name, { shape, type }]) => [name, given(shape, type)])) as unknown as Inputs;

/** A product in tiles: what the knobs of the kernels say, and in how many slices of its depth it is cut. */
export interface Cut extends Variant {
  readonly tile: Tile;
  readonly slices: number;
}
interface Tile {
  readonly TILE_M: number;
  readonly TILE_N: number;
  readonly DEPTH: number;
  readonly ROWS: number;
  readonly COLS: number;
  readonly SPLIT: number;
  readonly STAGES: number;
}

/**
 * The knobs in their order, a row for every tile. B is always on the side of its rows. More numbers per invocation with a deeper tile,
 * or with SPLIT, do not stay in registers (on an H200: ten times as slow).
 */
const TILES = ["64x128x8/8x8/1/1", "96x64x8/8x8/1/1", "64x64x8/8x8/1/1", "32x64x32/8x4/4/1", "32x32x32/4x4/4/1", "16x32x64/4x4/8/1"];

/** From the name of a tile and the number of slices. */
export function cutOf(name: string, slices: number): Cut {
  const [TILE_M = 0, TILE_N = 0, DEPTH = 0, ROWS = 0, COLS = 0, SPLIT = 0, STAGES = 0] = name.split(/[x/]/).map(Number);
  return { name: `${name}/s${slices}`, tile: { TILE_M, TILE_N, DEPTH, ROWS, COLS, SPLIT, STAGES }, slices };
}

/** What to try of a product (rows, cols) over `depth` in up to `most` slices, the best guess first. */
function cutsOf(rows: number, cols: number, depth: number, most: number): Cut[] {
  const counts = Array.from({ length: Math.min(most, 4) }, (_, i) => i + 1);
  const guesses = TILES.flatMap((name) => counts.map((slices) => cutOf(name, slices)))
    // Slices are of whole tiles, and rounding up must leave something for the last one.
    .filter(({ tile, slices }) => (slices - 1) * Math.ceil(depth / slices / tile.DEPTH) * tile.DEPTH < depth)
    .map((cut) => ({ cut, cycles: guess(cut, rows, cols, depth) }))
    .sort((x, y) => x.cycles - y.cycles);
  return guesses.filter(({ cycles }, i, [best]) => i < 6 && best && cycles < 2 * best.cycles).map(({ cut }) => cut);
}

/** Multiprocessors of the card that the guess is made for. */
const UNITS = 132;
/** Its cycles from the load of a number to the product with it. */
const LATENCY = 900;

/** Cycles of a product, within some 20 %. */
function guess({ tile, slices }: Cut, rows: number, cols: number, depth: number): number {
  const { TILE_M, TILE_N, DEPTH, ROWS, COLS, SPLIT } = tile;
  const rounds = Math.ceil((Math.ceil(rows / TILE_M) * Math.ceil(cols / TILE_N) * slices) / UNITS);
  // For each step of the depth: 128 multiply-adds a cycle, and 32 numbers a cycle through workgroup memory.
  const products = (TILE_M * TILE_N) / 128;
  const reads = ((TILE_M * TILE_N) / 32) * (1 / ROWS + 1 / COLS) + 0.17 * TILE_M + 0.1 * TILE_N;
  const work = DEPTH * (0.85 * products + 0.6 * reads);
  // A few invocations alone wait for memory more than they compute.
  const invocations = rounds * (TILE_M / ROWS) * (TILE_N / COLS) * SPLIT;
  const busy = Math.min(1, (invocations + 64) / 512);
  const gathering = SPLIT === 1 ? 0 : 25 * ROWS * COLS;
  const step = Math.max((rounds * work) / busy, LATENCY + work / 2);
  return Math.ceil(depth / slices / DEPTH) * step + rounds * gathering + 300 * slices;
}

/** A buffer that is declared must be bound, read or not. */
const frozenOf = ({ x, form }: Layer) => ({
  basis_a: form === SIGNS ? x.gamma : x.basisA,
  signs_a: x.basisA,
  lambda: x.lambda,
  gamma: x.gamma,
  levels: x.levels ?? x.lambda,
});

function mergeTiled(r: Recorder, layer: Layer, { tile }: Cut): Tensor {
  const { x, gain, form, wide, large, small, rank, bases, stride_a, stride_b } = layer;
  const [out, inner] = wide ? [small, large] : [large, small];
  const knobs = { ...(wide ? turned(tile) : tile), TRANSPOSED: Number(wide) };
  const whole = large % tile.TILE_M === 0 && small % tile.TILE_N === 0 && (rank * bases) % tile.DEPTH === 0;
  const y = r.out([out, inner]);
  r.run({
    shader: "randlora",
    entry: "merge",
    buffers: { w: x.w, basis_b: x.basisB, ...frozenOf(layer), y },
    params: { large, small, rank, bases, stride_a, stride_b, gain },
    groups: [Math.ceil(inner / knobs.TILE_N), Math.ceil(out / knobs.TILE_M)],
    overrides: { FORM: form, WHOLE: Number(whole) },
    knobs,
  });
  return y;
}

const turned = ({ TILE_M, TILE_N, ROWS, COLS, ...tile }: Tile): Tile => ({
  ...tile,
  TILE_M: TILE_N,
  TILE_N: TILE_M,
  ROWS: COLS,
  COLS: ROWS,
});

function projectTiled(r: Recorder, layer: Layer, dy: Tensor, { tile, slices }: Cut): Grads<"lambda" | "gamma"> {
  const { x, gain, form, wide, large, small, rank, bases, stride_a, stride_b } = layer;
  const rows = rank * bases;
  const whole = rows % tile.TILE_M === 0 && small % tile.TILE_N === 0 && large % (slices * tile.DEPTH) === 0;
  const dlambda = r.out(x.lambda.shape);
  const dgamma = r.out(x.gamma.shape);
  const rest = r.out([Math.max(1, slices * rows - bases), small]);
  r.run({
    shader: "randlora_project",
    entry: "project",
    buffers: { basis_b: x.basisB, levels: x.levels ?? x.lambda, dy, first: dgamma, rest },
    params: { large, small, rank, bases, stride_b, slices },
    groups: [Math.ceil(small / tile.TILE_N), Math.ceil(rows / tile.TILE_M), slices],
    overrides: { FORM: form, WHOLE: Number(whole), TRANSPOSED: Number(wide) },
    knobs: { ...tile },
  });
  r.run({
    shader: "randlora_diagonals",
    entry: "diagonals",
    buffers: { rest, ...frozenOf(layer), dlambda, dgamma },
    params: { small, rank, bases, stride_a, slices, gain },
    groups: [bases],
    overrides: { WG: small > 512 ? 256 : 64, SIGNED: Number(form === SIGNS) },
    knobs: { RANKS: rank > 4 ? 8 : 4 },
  });
  return { lambda: dlambda, gamma: dgamma };
}

/** The workgroups of a kernel whose invocations own 4 × 4 numbers, 64 of them a workgroup. */
const blocks = (columns: number, rows: number) => [Math.ceil(columns / 32), Math.ceil(rows / 32)] as const;

function directOf({ kind, x, gain, form, wide, large, small, rank, bases, stride_a, stride_b }: Layer) {
  const [step_m, step_j] = wide ? [1, large] : [small, 1];
  return {
    shader: `${kind}_direct`,
    buffers: { basis_b: x.basisB, basis_a: x.basisA, lambda: x.lambda, gamma: x.gamma, levels: x.levels ?? x.lambda },
    params: { large, small, rank, bases, stride_a, stride_b, step_m, step_j, gain },
    overrides: form === SIGNS ? {} : { LEVELS: form },
  };
}

function mergeDirect(r: Recorder, layer: Layer): Tensor {
  const { buffers, ...launch } = directOf(layer);
  const y = r.out(layer.x.w.shape);
  r.run({ ...launch, entry: "merge", buffers: { ...buffers, w: layer.x.w, y }, groups: blocks(layer.small, layer.large) });
  return y;
}

function projectDirect(r: Recorder, layer: Layer, dy: Tensor): Grads<"lambda" | "gamma"> {
  const { small, rank, bases, x } = layer;
  const { buffers, ...launch } = directOf(layer);
  const parts = r.out([Math.ceil(small / 4), rank, bases]);
  const dgamma = r.out(x.gamma.shape);
  r.run({ ...launch, entry: "project", buffers: { ...buffers, dy, dlambda_parts: parts, dgamma }, groups: blocks(small, bases) });
  const dlambda = r.out(x.lambda.shape);
  const n = rank * bases;
  r.run({
    shader: "reduce",
    entry: "slices",
    buffers: { x: parts, y: dlambda },
    params: { n, rows: numel(parts.shape) / n },
    groups: flatGroups(n, 64),
    overrides: { WG: 64 },
  });
  return { lambda: dlambda, gamma: dgamma };
}

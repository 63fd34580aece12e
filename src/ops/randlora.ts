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

interface Tile {
  readonly TILE_M: number;
  readonly TILE_N: number;
  readonly ROWS: number;
  readonly COLS?: number;
}
/** From the largest down: the first that gives a GPU enough workgroups is taken, or the last. */
const TILES: Readonly<Record<Kind, readonly Tile[]>> = {
  randlora: [
    { TILE_M: 128, TILE_N: 64, ROWS: 8, COLS: 4 },
    { TILE_M: 64, TILE_N: 64, ROWS: 4, COLS: 4 },
    { TILE_M: 32, TILE_N: 32, ROWS: 4, COLS: 4 },
  ],
  // A row of 128 is 32 invocations, which on most GPUs run in step: they then go through the same entries of B.
  ternary: [
    { TILE_M: 64, TILE_N: 128, ROWS: 8 },
    { TILE_M: 32, TILE_N: 128, ROWS: 4 },
    { TILE_M: 32, TILE_N: 64, ROWS: 4 },
    { TILE_M: 16, TILE_N: 64, ROWS: 4 },
  ],
};
/** Workgroups that keep a large GPU busy. */
const BUSY = 128;

export function merge(r: Recorder, kind: Kind, x: Inputs, gain: number): Tensor {
  const { params, frozen, ...layer } = setup(kind, x, gain);
  const { large, small } = params;
  const y = r.out(x.w.shape);
  const buffers = { ...frozen, w: x.w, lambda: x.lambda, gamma: x.gamma, y };
  if (r.software || !layer.inFours) {
    r.run({ ...layer.direct, entry: "merge", buffers, params: { ...params, ...layer.steps }, groups: blocks(small, large) });
  } else {
    const { knobs, groups } = tileFor(kind, large, small);
    r.run({ shader: kind, entry: "merge", buffers, params, groups, overrides: layer.overrides, knobs });
  }
  return y;
}

export function project(r: Recorder, kind: Kind, x: Inputs, dy: Tensor, gain: number): Grads<"lambda" | "gamma"> {
  const { params, frozen, ...layer } = setup(kind, x, gain);
  const { large, small, rank, bases } = params;
  const buffers = { ...frozen, lambda: x.lambda, gamma: x.gamma, dy };
  if (r.software || !layer.inFours) {
    const dlambda = r.out([Math.ceil(small / 4), rank, bases]);
    const dgamma = r.out(x.gamma.shape);
    const outputs = { dlambda_parts: dlambda, dgamma };
    const groups = blocks(small, bases);
    r.run({ ...layer.direct, entry: "project", buffers: { ...buffers, ...outputs }, params: { ...params, ...layer.steps }, groups });
    return { lambda: sumParts(r, "slices", dlambda, x.lambda.shape), gamma: dgamma };
  }
  const { knobs, groups } = tileFor(kind, rank * bases, small);
  const [across, down] = groups;
  // A slice shorter than 128 spends more on its own parts than it saves.
  const slices = Math.max(1, Math.min(Math.ceil((2 * BUSY) / (across * down)), Math.floor(large / 128)));
  const dlambda = r.out([slices * across, rank, bases]);
  const dgamma = r.out([slices * rank, bases, small]);
  r.run({
    shader: `${kind}_project`,
    entry: "project",
    buffers: { ...buffers, dlambda_parts: dlambda, dgamma_parts: dgamma },
    params: { ...params, slices },
    groups: [across, down, slices],
    overrides: layer.overrides,
    knobs,
  });
  return { lambda: sumParts(r, "columns", dlambda, x.lambda.shape), gamma: sumParts(r, "slices", dgamma, x.gamma.shape) };
}

/**
 * Sum of the parts (parts, …shape), in a fixed order: with "columns" a number has a workgroup of its own, so that no invocation
 * waits for one part after the other.
 */
function sumParts(r: Recorder, entry: "slices" | "columns", parts: Tensor, shape: readonly number[]): Tensor {
  const n = numel(shape);
  const y = r.out(shape);
  const groups = entry === "columns" ? ([n] as const) : flatGroups(n, 64);
  r.run({ shader: "reduce", entry, buffers: { x: parts, y }, params: { n, rows: numel(parts.shape) / n }, groups, overrides: { WG: 64 } });
  return y;
}

function setup(kind: Kind, { w, basisB, basisA, lambda, levels }: Inputs, gain: number) {
  const [out, inner] = w.shape as [number, number];
  const [rank, bases] = lambda.shape as [number, number];
  const [large, small] = [Math.max(out, inner), Math.min(out, inner)];
  const stride_a = basisA.shape[1] as number;
  const [rowsB, stride_b] = basisB.shape as [number, number];
  const coded = levels !== undefined && basisB.type === "u32";
  const [inA, inB] = kind === "ternary" ? [16, 16] : [1, coded ? 4 : 1]; // entries in a number of each
  if (rowsB < large || stride_b * inB < rank * bases || stride_a * inA < small) {
    throw new Error(`${kind}: bases (${basisB.shape}) and (${basisA.shape}) are too small for a (${out}, ${inner}) layer`);
  }
  const [step_m, step_j] = inner <= out ? [inner, 1] : [1, inner];
  const form = kind === "ternary" ? {} : { LEVELS: Number(coded) };
  return {
    params: { large, small, rank, bases, stride_a, stride_b, gain },
    // A buffer that is declared must be bound, read or not.
    frozen: { basis_b: basisB, basis_a: basisA, levels: levels ?? lambda },
    overrides: { ...form, TRANSPOSED: Number(inner > out) },
    /** Whether the rows of all that the tiled kernels read four numbers at a time are multiples of 4. */
    inFours: inner % 4 === 0 && small % 4 === 0 && (kind === "ternary" || stride_a % 4 === 0),
    /** For any size. */
    direct: { shader: `${kind}_direct`, overrides: form },
    steps: { step_m, step_j },
  };
}

/** The workgroups of a kernel whose invocations own 4 × 4 numbers, 64 of them a workgroup. */
const blocks = (columns: number, rows: number) => [Math.ceil(columns / 32), Math.ceil(rows / 32)] as const;

function tileFor(kind: Kind, rows: number, columns: number) {
  const tilings = TILES[kind].map((tile) => ({
    knobs: { ...tile },
    groups: [Math.ceil(columns / tile.TILE_N), Math.ceil(rows / tile.TILE_M)] as const,
  }));
  const enough = tilings.find(({ groups: [across, down] }) => across * down >= BUSY);
  return (enough ?? tilings.at(-1)) as (typeof tilings)[number];
}

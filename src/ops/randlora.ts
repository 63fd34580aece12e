import type { Given } from "../tensor/op.ts";
import { partsOf, stackOf } from "../tensor/stack.ts";
import { numel, type Tensor } from "../tensor/tensor.ts";
import { type Cut, cutsOf, type Tile } from "../tensor/tiles.ts";
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
 * same bit for bit. Only λ and γ have gradients. w, λ and γ may be stacked, for several layers of one shape, and y with them.
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
  /** Layers in a stack; 0 where there is none. */
  readonly stack: number;
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
  if (isDirect(r, layer))
    return layer.stack
      ? stackOf(
          r,
          apart(x).map((one) => merge(r, kind, one, gain)),
        )
      : mergeDirect(r, layer);
  const { large, small, rank, bases } = layer;
  const cut = r.pick(problemOf("merge", layer), cutsOf(large, small * Math.max(1, layer.stack), rank * bases, 1), (trial, some, given) => {
    mergeTiled(trial, { ...layer, x: givenLike(x, given) }, some);
  });
  return mergeTiled(r, layer, cut);
}

export function project(r: Recorder, kind: Kind, x: Inputs, dy: Tensor, gain: number): Grads<"lambda" | "gamma"> {
  const layer = layerOf(kind, x, gain);
  if (isDirect(r, layer)) {
    if (!layer.stack) return projectDirect(r, layer, dy);
    const dys = partsOf(dy);
    const all = apart(x).map((one, i) => project(r, kind, one, dys[i] as Tensor, gain));
    const together = (name: "lambda" | "gamma") =>
      stackOf(
        r,
        all.map((one) => one[name] as Tensor),
      );
    return { lambda: together("lambda"), gamma: together("gamma") };
  }
  const { large, small, rank, bases } = layer;
  // What is kept of all slices, less the rows that lie where dγ will be, is no larger than the layer.
  const most = Math.max(1, Math.floor((large + bases) / (rank * bases)));
  const cut = r.pick(
    problemOf("project", layer),
    cutsOf(rank * bases, small * Math.max(1, layer.stack), large, most),
    (trial, some, given) => {
      projectTiled(trial, { ...layer, x: givenLike(x, given) }, given(dy.shape), some);
    },
  );
  return projectTiled(r, layer, dy, cut);
}

const problemOf = (what: string, { kind, large, small, rank, bases, wide, stack }: Layer): string =>
  `${kind} ${what} ${large}x${small} ${rank}x${bases}${wide ? " wide" : ""}${stack ? ` ${stack} layers` : ""}`;

/** The layers of a stack one by one. */
function apart({ w, lambda, gamma, ...shared }: Inputs): Inputs[] {
  const [lambdas, gammas] = [partsOf(lambda), partsOf(gamma)];
  return partsOf(w).map((one, i) => ({ ...shared, w: one, lambda: lambdas[i] as Tensor, gamma: gammas[i] as Tensor }));
}

function layerOf(kind: Kind, x: Inputs, gain: number): Layer {
  const [out, inner] = x.w.shape.slice(-2) as [number, number];
  const [rank, bases] = x.lambda.shape.slice(-2) as [number, number];
  const stack = x.w.shape.length === 3 ? (x.w.shape[0] as number) : 0;
  const [large, small] = [Math.max(out, inner), Math.min(out, inner)];
  const stride_a = x.basisA.shape[1] as number;
  const [rowsB, stride_b] = x.basisB.shape as [number, number];
  const form = kind === "ternary" ? SIGNS : x.levels && x.basisB.type === "u32" ? LEVELS : FLOATS;
  const inA = form === SIGNS ? 16 : 1; // entries in a number of each
  const inB = [1, 4, 16][form] as number;
  if (rowsB < large || stride_b * inB < rank * bases || stride_a * inA < small) {
    throw new Error(`${kind}: bases (${x.basisB.shape}) and (${x.basisA.shape}) are too small for a (${out}, ${inner}) layer`);
  }
  return { kind, x, gain, form, stack, wide: inner > out, large, small, rank, bases, stride_a, stride_b };
}

/** The tiled kernels read everything four numbers at a time; the direct ones take any size. */
const isDirect = (r: Recorder, { large, small, stride_a, form }: Layer): boolean =>
  r.software || large % 4 > 0 || small % 4 > 0 || (form !== SIGNS && stride_a % 4 > 0);

const givenLike = (x: Inputs, given: Given): Inputs =>
  Object.fromEntries(Object.entries(x).map(([name, { shape, type }]) => [name, given(shape, type)])) as unknown as Inputs;

/** A buffer that is declared must be bound, read or not. */
const frozenOf = ({ x, form }: Layer) => ({
  basis_a: form === SIGNS ? x.gamma : x.basisA,
  signs_a: x.basisA,
  lambda: x.lambda,
  gamma: x.gamma,
  levels: x.levels ?? x.lambda,
});

function mergeTiled(r: Recorder, layer: Layer, { tile }: Cut): Tensor {
  const { x, gain, form, stack, wide, large, small, rank, bases, stride_a, stride_b } = layer;
  const [out, inner] = wide ? [small, large] : [large, small];
  const knobs = { ...(wide ? turned(tile) : tile), TRANSPOSED: Number(wide) };
  const whole = large % tile.TILE_M === 0 && small % tile.TILE_N === 0 && (rank * bases) % tile.TILE_K === 0;
  const y = r.out(x.w.shape);
  r.run({
    shader: "randlora",
    entry: "merge",
    buffers: { w: x.w, basis_b: x.basisB, ...frozenOf(layer), y },
    params: { large, small, rank, bases, stride_a, stride_b, gain },
    groups: [Math.ceil(inner / knobs.TILE_N), Math.ceil(out / knobs.TILE_M), Math.max(1, stack)],
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
  const { x, gain, form, stack, wide, large, small, rank, bases, stride_a, stride_b } = layer;
  const layers = Math.max(1, stack);
  const rows = rank * bases;
  const whole = rows % tile.TILE_M === 0 && small % tile.TILE_N === 0 && large % (slices * tile.TILE_K) === 0;
  const dlambda = r.out(x.lambda.shape);
  const dgamma = r.out(x.gamma.shape);
  const rest = r.out([Math.max(1, layers * (slices * rows - bases)), small]);
  r.run({
    shader: "randlora_project",
    entry: "project",
    buffers: { basis_b: x.basisB, levels: x.levels ?? x.lambda, dy, first: dgamma, rest },
    params: { large, small, rank, bases, stride_b, slices },
    groups: [Math.ceil(small / tile.TILE_N), Math.ceil(rows / tile.TILE_M), layers * slices],
    overrides: { FORM: form, WHOLE: Number(whole), TRANS_B: Number(wide) },
    knobs: { ...tile },
  });
  r.run({
    shader: "randlora_diagonals",
    entry: "diagonals",
    buffers: { rest, ...frozenOf(layer), dlambda, dgamma },
    params: { small, rank, bases, stride_a, slices, gain },
    groups: [bases, layers],
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

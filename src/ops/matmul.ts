import { partsOf, stackOf } from "../tensor/stack.ts";
import { isPacked, numel, reshape, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, packing, type Recorder } from "./op.ts";
import { columnSums } from "./reduce.ts";

export interface Matmul {
  /** a is stored (k, m). */
  readonly transA?: boolean;
  /** b is stored (n, k), as PyTorch stores a linear layer's weight. */
  readonly transB?: boolean;
  readonly alpha?: number;
}

/**
 * y (m, n) = alpha · op(a) (m, k) · op(b) (k, n) + bias (n) + add (m, n). A frozen b may be packed; all sums are f32.
 * Of stacked operands, with one axis more in front, y (stack, m, n) is the product of each; one that is not stacked is the same for all.
 * The backward of each operand is a matmul of another layout, which adds a prior gradient on its way out.
 */
export const matmul = defineOp<"a" | "b", "bias" | "add", Matmul>({
  name: "matmul",
  absorbs: ["a", "b"],
  forward: (r, { a, b, bias, add }, cfg) => ({ y: multiply(r, a, b, cfg, bias, add) }),
  backward(r, { a, b }, _saved, dy, need, { transA = false, transB = false, alpha = 1 }, prior) {
    const grads: { a?: Tensor; b?: Tensor; bias?: Tensor; add?: Tensor } = {};
    if (need.a) {
      const summed = isStack(dy) && !isStack(a);
      grads.a = transA
        ? multiply(r, b, dy, { transA: transB, transB: true, alpha, summed }, undefined, prior.a)
        : multiply(r, dy, b, { transB: !transB, alpha, summed }, undefined, prior.a);
    }
    if (need.b) {
      const summed = isStack(dy) && !isStack(b);
      grads.b = transB
        ? multiply(r, dy, a, { transA: true, transB: transA, alpha, summed }, undefined, prior.b)
        : multiply(r, a, dy, { transA: !transA, alpha, summed }, undefined, prior.b);
    }
    if (need.bias) grads.bias = columnSums(r, dy);
    if (need.add) grads.add = dy;
    return grads;
  },
  onnx(g, { a, b, bias, add }, { transA = false, transB = false, alpha = 1 }) {
    const attributes = { transA: Number(transA), transB: Number(transB), alpha: { real: alpha } };
    const y = g.node("Gemm", bias ? [a, b, bias] : [a, b], attributes);
    return add ? g.node("Add", [y, add]) : y;
  },
});

interface Tile {
  readonly TILE_M: number;
  readonly TILE_N: number;
  readonly TILE_K: number;
  readonly ROWS: number;
  readonly COLS: number;
}

/** Of matmul.wgsl: SPLIT parts of its invocations share every round along k, and the tiles are kept STAGES times. */
interface SplitTile extends Tile {
  readonly SPLIT: number;
  readonly STAGES: number;
}

/** The tiles of matmul.wgsl as M × N × K / ROWS × COLS / SPLIT / STAGES, by their TFLOP/s on a card of UNITS multiprocessors when full. */
const TILES = Object.entries({
  53: "64x128x8/8x8/1/2 128x64x8/8x8/1/2",
  50: "64x64x8/8x8/1/2 128x128x8/8x8/1/2",
  44: "64x64x16/8x8/2/1 64x128x16/8x8/2/1 128x32x16/8x4/1/1",
  41: "64x64x32/8x8/4/1 64x64x16/8x4/2/1",
  40: "32x64x32/8x8/4/1 64x32x32/8x8/4/1",
  33: "32x32x32/8x4/4/1 64x32x16/4x4/1/2 32x64x16/4x4/1/2",
  27: "32x32x16/4x4/1/2",
  21: "16x16x64/4x4/4/1",
}).flatMap(([rate, names]) => names.split(" ").map((name) => ({ name, rate: Number(rate), tile: tileOf(name) })));
const UNITS = 132;
/** What the depth of each product of a sum must be a multiple of: a tile then lies in one of them. */
const DEEPEST = Math.max(...TILES.map(({ tile }) => tile.TILE_K));

function tileOf(name: string): SplitTile {
  const [TILE_M = 0, TILE_N = 0, TILE_K = 0, ROWS = 0, COLS = 0, SPLIT = 0, STAGES = 0] = name.split(/[x/]/).map(Number);
  return { TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT, STAGES };
}

/** The tiles of matmul_any.wgsl for thin matrices; those for few rows of y are the transposed ones. All have 256 invocations. */
const DOTS: Tile = { TILE_M: 16, TILE_N: 16, TILE_K: 32, ROWS: 1, COLS: 1 };
const FOUR_COLUMNS: Tile = { TILE_M: 64, TILE_N: 4, TILE_K: 32, ROWS: 1, COLS: 1 };
const SQUARE: Tile = { TILE_M: 64, TILE_N: 64, TILE_K: 16, ROWS: 4, COLS: 4 };
const FEW_COLUMNS: Tile = { TILE_M: 32, TILE_N: 16, TILE_K: 32, ROWS: 2, COLS: 1 };
const transposed = ({ TILE_M, TILE_N, TILE_K, ROWS, COLS }: Tile): Tile => ({
  TILE_M: TILE_N,
  TILE_N: TILE_M,
  TILE_K,
  ROWS: COLS,
  COLS: ROWS,
});

/** How a product is run: in tiles of y, and in slices along k that a second kernel sums. */
interface Cut {
  readonly name: string;
  readonly tile: Tile;
  readonly slices: number;
}

interface Product {
  /** How many products there are, if operands are stacked; else 0. */
  readonly stack: number;
  readonly summed: boolean;
  readonly a: Tensor;
  readonly b: Tensor;
  readonly bias?: Tensor | undefined;
  readonly add?: Tensor | undefined;
  readonly cfg: Matmul;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** op(a) · op(b) as in `matmul`; with `summed` the products of a stack are added up: y (m, n). */
export function multiply(
  r: Recorder,
  a: Tensor,
  b: Tensor,
  cfg: Matmul & { readonly summed?: boolean },
  bias?: Tensor,
  add?: Tensor,
): Tensor {
  const { transA = false, transB = false, summed = false } = cfg;
  const [rowsA, colsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, colsB] = b.shape.slice(-2) as [number, number];
  const [m, k] = transA ? [colsA, rowsA] : [rowsA, colsA];
  const [depth, n] = transB ? [colsB, rowsB] : [rowsB, colsB];
  const stack = Math.max(...[a, b].map((x) => (isStack(x) ? (x.shape[0] as number) : 1)));
  if (k !== depth) throw new Error(`matmul: (${m}, ${k}) does not fit (${depth}, ${n})`);
  for (const x of [a, b]) if (isStack(x) && x.shape[0] !== stack) throw new Error(`matmul: stacks of ${x.shape[0]} and ${stack}`);
  if (add && numel(add.shape) !== m * n * (summed ? 1 : stack)) throw new Error(`matmul: add is (${add.shape}), y is (${m}, ${n})`);
  for (const x of [a, bias, add]) {
    if (x && isPacked(x)) throw new Error(`matmul: ${x.label || "a tensor"} is stored as ${x.type}, which only b may be; unpack it first`);
  }
  // One below the other they are one long product already.
  if (summed && transA && !transB) return multiply(r, flat(a), flat(b), { ...cfg, summed: false }, bias, add);
  const product: Product = {
    a,
    b,
    bias,
    add,
    cfg: { transA, transB, alpha: cfg.alpha ?? 1 },
    m,
    n,
    k,
    stack: [a, b].some(isStack) ? stack : 0,
    summed,
  };
  const isOdd = ![colsA, colsB, n].every((size) => size % 4 === 0) || (summed && k % DEEPEST > 0);
  if (product.stack && (r.software || isOdd)) return apart(r, product);
  if (r.software) return direct(r, product);
  if (isOdd) return tiled(r, "matmul_any", anyCut(m, n, k), product);
  const stacked = product.stack ? ` ${stack}${isStack(a) ? "a" : ""}${isStack(b) ? "b" : ""}${summed ? " summed" : ""}` : "";
  const problem = `matmul ${m}x${n}x${k} ${transA ? "T" : "N"}${transB ? "T" : "N"} ${b.type}${stacked}`;
  const cut = r.pick(problem, summed ? cutsOf(m, n, k * stack) : cutsOf(m * stack, n, k), (trial, some, given) => {
    tiled(trial, "matmul", some, { ...product, a: given(a.shape), b: given(b.shape, b.type), bias: undefined, add: undefined });
  });
  return tiled(r, "matmul", cut, product);
}

const isStack = ({ shape }: Tensor): boolean => shape.length === 3;
const flat = (x: Tensor): Tensor => reshape(x, [(x.shape[0] as number) * (x.shape[1] as number), x.shape[2] as number]);

/** The products of a stack one by one. */
function apart(r: Recorder, { a, b, bias, add, cfg, m, n, stack, summed }: Product): Tensor {
  const of = (x: Tensor) => (isStack(x) ? partsOf(x) : Array.from({ length: stack }, () => x));
  const [as, bs] = [of(a), of(b)];
  if (summed)
    return as.reduce<Tensor | undefined>((sum, one, i) => multiply(r, one, bs[i] as Tensor, cfg, i ? undefined : bias, sum), add) as Tensor;
  const [biases, adds] = [bias && partsOf(reshape(bias, [stack, n])), add && partsOf(reshape(add, [stack, m, n]))];
  return stackOf(
    r,
    as.map((one, i) => multiply(r, one, bs[i] as Tensor, cfg, biases?.[i], adds?.[i])),
  );
}

const overridesOf = ({ b, bias, add, cfg: { transA = false, transB = false } }: Product) => ({
  TRANS_A: Number(transA),
  TRANS_B: Number(transB),
  HAS_BIAS: Number(bias !== undefined),
  HAS_ADD: Number(add !== undefined),
  PACKED: packing(b),
});

const buffersOf = ({ a, b, bias, add }: Product) => ({ a, b: isPacked(b) ? a : b, half_b: b, bias: bias ?? a, add: add ?? a });

function direct(r: Recorder, product: Product): Tensor {
  const { m, n, k, cfg } = product;
  const y = r.out([m, n]);
  r.run({
    shader: "matmul_direct",
    entry: "direct",
    buffers: { ...buffersOf(product), y },
    params: { m, n, k, alpha: cfg.alpha ?? 1 },
    groups: [Math.ceil(n / 32), Math.ceil(m / 32)],
    overrides: overridesOf(product),
  });
  return y;
}

function tiled(r: Recorder, shader: "matmul" | "matmul_any", { tile, slices }: Omit<Cut, "name">, product: Product): Tensor {
  const { a, b, m, n, k, cfg, stack, summed } = product;
  const alpha = cfg.alpha ?? 1;
  const buffers = buffersOf(product);
  const results = summed ? 1 : Math.max(1, stack);
  const depth = summed ? k * stack : k;
  const isWhole = m % tile.TILE_M === 0 && n % tile.TILE_N === 0 && depth % (slices * tile.TILE_K) === 0;
  const overrides = overridesOf(product);
  const y = r.out(stack && !summed ? [stack, m, n] : [m, n]);
  const parts = slices === 1 ? y : r.out([slices, results, m, n]);
  r.run({
    shader,
    entry: "tiled",
    buffers: { ...buffers, y: parts },
    params: {
      ...{ m, n, k, slices, alpha },
      ...(shader === "matmul" && { results, depth, step_a: isStack(a) ? m * k : 0, step_b: isStack(b) ? k * n : 0 }),
    },
    groups: [Math.ceil(n / tile.TILE_N), Math.ceil(m / tile.TILE_M), slices * results],
    overrides: { ...overrides, ...(shader === "matmul" && { WHOLE: Number(isWhole), SUMMED: Number(summed) }) },
    knobs: { ...tile },
  });
  if (slices > 1) {
    r.run({
      shader: "matmul_sum",
      entry: "sum",
      buffers: { parts, bias: buffers.bias, add: buffers.add, y },
      params: { m, n, results, slices, alpha },
      groups: flatGroups(results * m * n, 64),
      overrides: { HAS_BIAS: overrides.HAS_BIAS, HAS_ADD: overrides.HAS_ADD },
    });
  }
  return y;
}

const tilesOf = ({ TILE_M, TILE_N }: Tile, m: number, n: number): number => Math.ceil(m / TILE_M) * Math.ceil(n / TILE_N);

/** Slices are of whole tiles, and rounding up leaves nothing for the last ones of as many as were wanted. A slice is at least 128 deep. */
function slicesOf({ TILE_K }: Tile, k: number, wanted: number): number {
  const most = Math.max(1, Math.min(wanted, Math.floor(k / 128)));
  return Math.ceil(k / (Math.ceil(k / most / TILE_K) * TILE_K));
}

/** Every device has 16 KiB of workgroup memory: what is taken unmeasured does with them. */
const isModest = ({ TILE_M, TILE_N, TILE_K, STAGES }: SplitTile): boolean => STAGES * TILE_K * (TILE_M + TILE_N + 8) * 4 <= 2 ** 14;

/**
 * What to try of matmul.wgsl, the best guess first: every tile in its best number of slices, and some in the second best. On another
 * card one may be the fastest that is far from it here; those are left out that waste half their work. Of a product that is over
 * before one could tell there is the guess alone.
 */
function cutsOf(m: number, n: number, k: number): Cut[] {
  const guesses = TILES.map(({ name, rate, tile }) => {
    // As many workgroups as fill the units once, twice and so on, with little left over.
    const wanted = [1, 2, 4, 7].map((rounds) => Math.min(64, Math.floor((rounds * UNITS) / tilesOf(tile, m, n))));
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
function guess(tile: SplitTile, rate: number, slices: number, m: number, n: number, k: number): number {
  const { TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT } = tile;
  const rounds = Math.ceil((tilesOf(tile, m, n) * slices) / UNITS);
  const depth = Math.ceil(k / slices / TILE_K) * TILE_K;
  // A few invocations alone wait for memory more than they compute.
  const invocations = rounds * (TILE_M / ROWS) * (TILE_N / COLS) * SPLIT;
  const busy = invocations / (invocations + 130);
  const work = (rounds * UNITS * 2 * TILE_M * TILE_N * depth) / (rate * 1e6 * busy);
  return work + (slices > 1 ? 4 + (8 * slices * m * n) / 2.5e6 : 0);
}

/** Workgroups that keep a large GPU busy; fewer than half of them call for slices of k. */
const BUSY = 256;

function anyCut(m: number, n: number, k: number): Omit<Cut, "name"> {
  const tile = anyTile(m, n);
  const tiles = tilesOf(tile, m, n);
  return { tile, slices: tiles >= BUSY / 2 ? 1 : slicesOf(tile, k, Math.ceil(BUSY / tiles)) };
}

function anyTile(m: number, n: number): Tile {
  if (Math.max(m, n) <= 16) return DOTS;
  if (n <= 4) return FOUR_COLUMNS;
  if (m <= 4) return transposed(FOUR_COLUMNS);
  if (n <= 16) return FEW_COLUMNS;
  if (m <= 16) return transposed(FEW_COLUMNS);
  return SQUARE;
}

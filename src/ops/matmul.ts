import { partsOf, stackOf } from "../tensor/stack.ts";
import { isPacked, numel, reshape, type Tensor } from "../tensor/tensor.ts";
import { cutsOf, DEEPEST, slicesOf, type Tile, tilesOf } from "../tensor/tiles.ts";
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
  onnx(g, { a, b, bias, add }, { transA = false, transB = false, alpha = 1 }, shapes) {
    const summand = (y: string) => (add ? g.node("Add", [y, add]) : y);
    if (shapes.a.length === 2 && shapes.b.length === 2) {
      const attributes = { transA: Number(transA), transB: Number(transB), alpha: { real: alpha } };
      return summand(g.node("Gemm", bias ? [a, b, bias] : [a, b], attributes));
    }
    const turned = (x: string, { length }: readonly number[]) => g.node("Transpose", [x], { perm: length === 3 ? [0, 2, 1] : [1, 0] });
    const product = g.node("MatMul", [transA ? turned(a, shapes.a) : a, transB ? turned(b, shapes.b) : b]);
    const y = g.node("Mul", [product, g.floats([alpha])]);
    if (!bias) return summand(y);
    const [stack, n] = shapes.bias as [number, number];
    return summand(g.node("Add", [y, g.node("Reshape", [bias, g.integers([stack, 1, n])])]));
  },
});

type AnyTile = Omit<Tile, "SPLIT" | "STAGES">;
interface AnyCut {
  readonly tile: AnyTile;
  readonly slices: number;
}

/** The tiles of matmul_any.wgsl for thin matrices; those for few rows of y are the transposed ones. All have 256 invocations. */
const DOTS: AnyTile = { TILE_M: 16, TILE_N: 16, TILE_K: 32, ROWS: 1, COLS: 1 };
const FOUR_COLUMNS: AnyTile = { TILE_M: 64, TILE_N: 4, TILE_K: 32, ROWS: 1, COLS: 1 };
const SQUARE: AnyTile = { TILE_M: 64, TILE_N: 64, TILE_K: 16, ROWS: 4, COLS: 4 };
const FEW_COLUMNS: AnyTile = { TILE_M: 32, TILE_N: 16, TILE_K: 32, ROWS: 2, COLS: 1 };
const transposed = ({ TILE_M, TILE_N, TILE_K, ROWS, COLS }: AnyTile): AnyTile => ({
  TILE_M: TILE_N,
  TILE_N: TILE_M,
  TILE_K,
  ROWS: COLS,
  COLS: ROWS,
});

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

function tiled(r: Recorder, shader: "matmul" | "matmul_any", { tile, slices }: AnyCut, product: Product): Tensor {
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

/** Workgroups that keep a large GPU busy; fewer than half of them call for slices of k. */
const BUSY = 256;

function anyCut(m: number, n: number, k: number): AnyCut {
  const tile = anyTile(m, n);
  const tiles = tilesOf(tile, m, n);
  return { tile, slices: tiles >= BUSY / 2 ? 1 : slicesOf(tile, k, Math.ceil(BUSY / tiles)) };
}

function anyTile(m: number, n: number): AnyTile {
  if (Math.max(m, n) <= 16) return DOTS;
  if (n <= 4) return FOUR_COLUMNS;
  if (m <= 4) return transposed(FOUR_COLUMNS);
  if (n <= 16) return FEW_COLUMNS;
  if (m <= 16) return transposed(FEW_COLUMNS);
  return SQUARE;
}

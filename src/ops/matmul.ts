import { isPacked, numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, packing, type Recorder } from "./op.ts";

export interface Matmul {
  /** a is stored (k, m). */
  readonly transA?: boolean;
  /** b is stored (n, k), as PyTorch stores a linear layer's weight. */
  readonly transB?: boolean;
  readonly alpha?: number;
}

/**
 * y (m, n) = alpha · op(a) (m, k) · op(b) (k, n) + bias (n) + add (m, n). A frozen b may be packed; all sums are f32.
 * The backward of each operand is a matmul of another layout, which adds a prior gradient on its way out.
 */
export const matmul = defineOp<"a" | "b", "bias" | "add", Matmul>({
  name: "matmul",
  absorbs: ["a", "b"],
  forward: (r, { a, b, bias, add }, cfg) => ({ y: multiply(r, a, b, cfg, bias, add) }),
  backward(r, { a, b }, _saved, dy, need, { transA = false, transB = false, alpha = 1 }, prior) {
    const grads: { a?: Tensor; b?: Tensor; bias?: Tensor; add?: Tensor } = {};
    if (need.a) {
      grads.a = transA
        ? multiply(r, b, dy, { transA: transB, transB: true, alpha }, undefined, prior.a)
        : multiply(r, dy, b, { transB: !transB, alpha }, undefined, prior.a);
    }
    if (need.b) {
      grads.b = transB
        ? multiply(r, dy, a, { transA: true, transB: transA, alpha }, undefined, prior.b)
        : multiply(r, a, dy, { transA: !transA, alpha }, undefined, prior.b);
    }
    if (need.bias) grads.bias = columnSum(r, dy);
    if (need.add) grads.add = dy;
    return grads;
  },
  onnx(g, { a, b, bias, add }, { transA = false, transB = false, alpha = 1 }) {
    const attributes = { transA: Number(transA), transB: Number(transB), alpha: { real: alpha } };
    const y = g.node("Gemm", bias ? [a, b, bias] : [a, b], attributes);
    return add ? g.node("Add", [y, add]) : y;
  },
});

/** Sum over the rows of x (rows, n). */
function columnSum(r: Recorder, x: Tensor): Tensor {
  const [rows, n] = x.shape as [number, number];
  const y = r.out([n]);
  r.run({ shader: "reduce", entry: "columns", buffers: { x, y }, params: { n, rows }, groups: [n], overrides: { WG: 64 } });
  return y;
}

interface Tile {
  readonly TILE_M: number;
  readonly TILE_N: number;
  readonly TILE_K: number;
  readonly ROWS: number;
  readonly COLS: number;
}
/** 8.4 KiB of workgroup memory: 16 deep it would pass the 16 KiB that every device has, and on an H200 it is slower (29 against 44 TFLOP/s). */
const LARGE: Tile = { TILE_M: 128, TILE_N: 128, TILE_K: 8, ROWS: 8, COLS: 8 };
const SMALL: Tile = { TILE_M: 64, TILE_N: 64, TILE_K: 16, ROWS: 4, COLS: 4 };

/** The tiles of matmul_any.wgsl for thin matrices; those for few rows of y are the transposed ones. All have 256 invocations. */
const DOTS: Tile = { TILE_M: 16, TILE_N: 16, TILE_K: 32, ROWS: 1, COLS: 1 };
const FOUR_COLUMNS: Tile = { TILE_M: 64, TILE_N: 4, TILE_K: 32, ROWS: 1, COLS: 1 };
const FEW_COLUMNS: Tile = { TILE_M: 32, TILE_N: 16, TILE_K: 32, ROWS: 2, COLS: 1 };
const transposed = ({ TILE_M, TILE_N, TILE_K, ROWS, COLS }: Tile): Tile => ({
  TILE_M: TILE_N,
  TILE_N: TILE_M,
  TILE_K,
  ROWS: COLS,
  COLS: ROWS,
});

/** Workgroups that keep a large GPU busy; fewer than these call for smaller tiles, then for slices of k. */
const BUSY = 256;

export function multiply(r: Recorder, a: Tensor, b: Tensor, cfg: Matmul, bias?: Tensor, add?: Tensor): Tensor {
  const { transA = false, transB = false, alpha = 1 } = cfg;
  const [rowsA, colsA] = a.shape as [number, number];
  const [rowsB, colsB] = b.shape as [number, number];
  const [m, k] = transA ? [colsA, rowsA] : [rowsA, colsA];
  const [depth, n] = transB ? [colsB, rowsB] : [rowsB, colsB];
  if (k !== depth) throw new Error(`matmul: (${m}, ${k}) does not fit (${depth}, ${n})`);
  if (add && numel(add.shape) !== m * n) throw new Error(`matmul: add is (${add.shape}), y is (${m}, ${n})`);
  for (const x of [a, bias, add]) {
    if (x && isPacked(x)) throw new Error(`matmul: ${x.label || "a tensor"} is stored as ${x.type}, which only b may be; unpack it first`);
  }
  const y = r.out([m, n]);
  const flags = {
    TRANS_A: Number(transA),
    TRANS_B: Number(transB),
    HAS_BIAS: Number(bias !== undefined),
    HAS_ADD: Number(add !== undefined),
    PACKED: packing(b),
  };
  const buffers = { a, b: isPacked(b) ? a : b, half_b: b, bias: bias ?? a, add: add ?? a };
  if (r.software) {
    r.run({
      shader: "matmul_direct",
      entry: "direct",
      buffers: { ...buffers, y },
      params: { m, n, k, alpha },
      groups: [Math.ceil(n / 32), Math.ceil(m / 32)],
      overrides: flags,
    });
    return y;
  }
  const aligned = [colsA, colsB, n].every((size) => size % 4 === 0);
  const tile = aligned ? alignedTile(m, n) : anyTile(m, n);
  const slices = slicesOf(tile, m, n, k);
  const parts = slices === 1 ? y : r.out([slices, m, n]);
  r.run({
    shader: aligned ? "matmul" : "matmul_any",
    entry: "tiled",
    buffers: { ...buffers, y: parts },
    params: { m, n, k, slices, alpha },
    groups: [Math.ceil(n / tile.TILE_N), Math.ceil(m / tile.TILE_M), slices],
    overrides: flags,
    knobs: { ...tile },
  });
  if (slices > 1) {
    r.run({
      shader: "matmul_sum",
      entry: "sum",
      buffers: { parts, bias: buffers.bias, add: buffers.add, y },
      params: { m, n, slices, alpha },
      groups: flatGroups(m * n, 64),
      overrides: { HAS_BIAS: flags.HAS_BIAS, HAS_ADD: flags.HAS_ADD },
    });
  }
  return y;
}

const workgroups = ({ TILE_M, TILE_N }: Tile, m: number, n: number): number => Math.ceil(m / TILE_M) * Math.ceil(n / TILE_N);

const alignedTile = (m: number, n: number): Tile => (workgroups(LARGE, m, n) >= BUSY ? LARGE : SMALL);

function anyTile(m: number, n: number): Tile {
  if (Math.max(m, n) <= 16) return DOTS;
  if (n <= 4) return FOUR_COLUMNS;
  if (m <= 4) return transposed(FOUR_COLUMNS);
  if (n <= 16) return FEW_COLUMNS;
  if (m <= 16) return transposed(FEW_COLUMNS);
  return SMALL;
}

function slicesOf(tile: Tile, m: number, n: number, k: number): number {
  const groups = workgroups(tile, m, n);
  if (groups >= BUSY / 2) return 1;
  // A slice shorter than 128 spends more on its own y than it saves.
  const wanted = Math.max(1, Math.min(Math.ceil(BUSY / groups), Math.floor(k / 128)));
  // Slices are of whole tiles, and rounding up leaves none for the last ones.
  return Math.ceil(k / (Math.ceil(k / wanted / tile.TILE_K) * tile.TILE_K));
}

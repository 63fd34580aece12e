import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, type Recorder } from "./op.ts";

export interface Matmul {
  /** a is stored (k, m). */
  readonly transA?: boolean;
  /** b is stored (n, k), as PyTorch stores a linear layer's weight. */
  readonly transB?: boolean;
  readonly alpha?: number;
}

/**
 * y (m, n) = alpha · op(a) (m, k) · op(b) (k, n) + bias (n) + add (m, n).
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
});

/** Sum over the rows of x (rows, n). */
function columnSum(r: Recorder, x: Tensor): Tensor {
  const [rows, n] = x.shape as [number, number];
  const y = r.out([n]);
  r.run({ shader: "reduce", entry: "columns", buffers: { x, y }, params: { n, rows, alpha: 1 }, groups: [n], overrides: { WG: 64 } });
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
  const y = r.out([m, n]);
  const flags = {
    TRANS_A: Number(transA),
    TRANS_B: Number(transB),
    HAS_BIAS: Number(bias !== undefined),
    HAS_ADD: Number(add !== undefined),
  };
  const buffers = { a, b, bias: bias ?? b, add: add ?? a };
  if (r.software || colsA % 4 || colsB % 4 || n % 4) {
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
  const { tile, slices } = tileFor(m, n, bias ? 0 : k); // a bias would be added once per slice
  const groups = [Math.ceil(n / tile.TILE_N), Math.ceil(m / tile.TILE_M), slices] as const;
  const part = slices === 1 ? y : r.out([slices, m, n]);
  r.run({
    shader: "matmul",
    entry: "tiled",
    buffers: { ...buffers, y: part },
    params: { m, n, k, slices, alpha },
    groups,
    overrides: flags,
    knobs: { ...tile },
  });
  if (slices > 1) {
    r.run({
      shader: "reduce",
      entry: "slices",
      buffers: { x: part, add: add ?? a, y },
      params: { n: m * n, rows: slices, alpha },
      groups: flatGroups(m * n),
      overrides: { HAS_ADD: flags.HAS_ADD },
    });
  }
  return y;
}

function tileFor(m: number, n: number, k: number): { tile: Tile; slices: number } {
  const groups = ({ TILE_M, TILE_N }: Tile) => Math.ceil(m / TILE_M) * Math.ceil(n / TILE_N);
  if (groups(LARGE) >= BUSY) return { tile: LARGE, slices: 1 };
  const small = groups(SMALL);
  // A slice shorter than 128 spends more on its own y than it saves.
  const slices = small >= BUSY / 2 ? 1 : Math.max(1, Math.min(Math.ceil(BUSY / small), Math.floor(k / 128)));
  return { tile: SMALL, slices };
}

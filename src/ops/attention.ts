import type { Variant } from "../tensor/op.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Tile, tileOf } from "../tensor/tiles.ts";
import { defineOp, flatGroups, type Recorder, rowWidth } from "./op.ts";

export interface Attention {
  /** Images (or texts) in q, k and v. */
  readonly batch: number;
  readonly heads: number;
  /** Row t sees keys 0 … t, as in CLIP's text tower. */
  readonly causal?: boolean;
  /** The weights are kept however many they are, for one image (or text): somebody looks at them. */
  readonly keep?: boolean;
}

/** y = softmax(q kᵀ / √head) v per image and head; q, k, v, y are (batch · tokens, heads · head). */
export const attention = defineOp<"q" | "k" | "v", never, Attention>({
  name: "attention",
  forward(r, { q, k, v }, cfg) {
    const size = sizeOf(q, cfg);
    const y = r.out(q.shape);
    const softmax = r.out([cfg.batch * cfg.heads, size.tokens, 2]);
    const saved: Record<string, Tensor> = { softmax };
    const all = chunks(size);
    for (const some of all) {
      const s = scores(r, size, some, q, k, size.scale);
      const w = r.out(s.shape);
      rows(r, "forward", size, some, { s, w, softmax });
      mixed(r, size, some, w, v, y);
      if (all.length === 1 && (cfg.keep || size.stride <= KEPT * size.head)) saved.w = w;
    }
    return { y, saved };
  },
  backward(r, { q, k, v }, saved, dy, need, cfg) {
    const size = sizeOf(q, cfg);
    const softmax = saved.softmax as Tensor;
    const [dq, dk, dv] = [r.out(q.shape), r.out(k.shape), r.out(v.shape)];
    for (const some of chunks(size)) {
      const isKept = saved.w !== undefined;
      const w = saved.w ?? r.out(weightsOf(size, some));
      if (need.q || need.k || !isKept) {
        const dp = scores(r, size, some, dy, v, 1);
        const ds = r.out(dp.shape);
        if (isKept) rows(r, "kept", size, some, { weights: w, dp, ds, saved: softmax });
        else rows(r, "backward", size, some, { s: scores(r, size, some, q, k, size.scale), w, dp, ds, saved: softmax });
        if (need.q) mixed(r, size, some, ds, k, dq);
        if (need.k) mixed(r, size, some, ds, q, dk, true);
      }
      if (need.v) mixed(r, size, some, w, dy, dv, true);
    }
    return { q: dq, k: dk, v: dv };
  },
  onnx(g, { q, k, v }, { batch, heads, causal = false }, shapes) {
    const [rows, width] = shapes.q as [number, number];
    const tokens = rows / batch;
    const head = width / heads;
    const turn = (x: string, perm: readonly number[]) => g.node("Transpose", [x], { perm });
    const split = (x: string) => g.node("Reshape", [x, g.integers([-1, tokens, heads, head])]);
    const query = g.node("Mul", [turn(split(q), [0, 2, 1, 3]), g.floats([1 / Math.sqrt(head)])]);
    const scores = g.node("MatMul", [query, turn(split(k), [0, 2, 3, 1])]);
    const later = Array.from({ length: tokens ** 2 }, (_, i) => (i % tokens > Math.floor(i / tokens) ? -Infinity : 0));
    const seen = causal ? g.node("Add", [scores, g.floats(later, [tokens, tokens])]) : scores;
    const mixed = g.node("MatMul", [g.node("Softmax", [seen], { axis: -1 }), turn(split(v), [0, 2, 1, 3])]);
    return g.node("Reshape", [turn(mixed, [0, 2, 1, 3]), g.integers([-1, width])]);
  },
});

interface Size {
  readonly tokens: number;
  readonly head: number;
  readonly heads: number;
  readonly batch: number;
  readonly causal: boolean;
  readonly scale: number;
  /** Numbers from one row of scores to the next: tokens, rounded up to a multiple of 4. */
  readonly stride: number;
}

function sizeOf({ shape }: Tensor, { batch, heads, causal = false }: Attention): Size {
  const [rows, width] = shape as [number, number];
  const tokens = rows / batch;
  const head = width / heads;
  if (!Number.isInteger(tokens) || !Number.isInteger(head))
    throw new Error(`attention: (${rows}, ${width}) is not ${batch} images of ${heads} heads`);
  if (head > 128) throw new Error(`attention: heads of ${head} numbers; at most 128 fit in registers`);
  return { tokens, head, heads, batch, causal, scale: 1 / Math.sqrt(head), stride: 4 * Math.ceil(tokens / 4) };
}

/** Images whose scores are in memory at one time. */
interface Some {
  readonly first: number;
  readonly count: number;
}

/** Bytes of scores at one time: few enough to stay in a large GPU's cache, and in any GPU's memory. */
const SCORES = 2 ** 25;

/** The weights are kept for the way back where they are few: not many more numbers a row than q, k and v have together. */
const KEPT = 4;

function chunks({ batch, heads, tokens, stride }: Size): Some[] {
  const most = Math.max(1, Math.floor(SCORES / (4 * heads * tokens * stride)));
  const each = Math.ceil(batch / Math.ceil(batch / most));
  return Array.from({ length: Math.ceil(batch / each) }, (_, i) => ({ first: i * each, count: Math.min(each, batch - i * each) }));
}

const weightsOf = ({ heads, tokens, stride }: Size, { count }: Some) => [count * heads, tokens, stride];

/** alpha · a · bᵀ, a and b being (batch · tokens, heads · head): (images, heads, tokens, stride), what is beyond `tokens` in a row is 0. */
function scores(r: Recorder, size: Size, some: Some, a: Tensor, b: Tensor, alpha: number): Tensor {
  const y = r.out(weightsOf(size, some));
  const shape = { m: size.tokens, n: size.tokens, k: size.head, transA: false, transB: true };
  product(r, size, some, shape, { a, b, y }, { a: "heads", b: "heads", y: "scores" }, alpha);
  return y;
}

/** Into the rows of y (batch · tokens, heads · head) that belong to `some`: w · x, or wᵀ · x, w being their scores. */
function mixed(r: Recorder, size: Size, some: Some, w: Tensor, x: Tensor, y: Tensor, transA = false): void {
  const shape = { m: size.tokens, n: size.head, k: size.tokens, transA, transB: false };
  product(r, size, some, shape, { a: w, b: x, y }, { a: "scores", b: "heads", y: "heads" }, 1);
}

interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transA: boolean;
  readonly transB: boolean;
}
type Abc<T> = Readonly<Record<"a" | "b" | "y", T>>;

function product(
  r: Recorder,
  size: Size,
  some: Some,
  shape: Shape,
  tensors: Abc<Tensor>,
  kinds: Abc<"heads" | "scores">,
  alpha: number,
): void {
  const { m, n, k, transA, transB } = shape;
  const { heads, head, tokens, stride } = size;
  const layouts = {
    heads: { image: tokens * heads * head, head, stride: heads * head, first: some.first * tokens * heads * head },
    scores: { image: heads * tokens * stride, head: tokens * stride, stride, first: 0 },
  };
  const params: Record<string, number> = { m, n, k, heads, alpha };
  for (const name of ["a", "b", "y"] as const) {
    for (const [field, value] of Object.entries(layouts[kinds[name]])) params[`${name}_${field}`] = value;
  }
  const overrides = { TRANS_A: Number(transA), TRANS_B: Number(transB) };
  // Tiles are read four numbers at a time, and a CPU adapter pays for their barriers.
  if (r.software || head % 4) {
    const groups = [Math.ceil(n / 32), Math.ceil(m / 32), some.count * heads] as const;
    r.run({ shader: "attention_direct", entry: "direct", buffers: { ...tensors }, params, groups, overrides });
    return;
  }
  const run = (to: Recorder, { name: _, ...tile }: Named, buffers: Abc<Tensor>) =>
    to.run({
      shader: "attention_product",
      entry: "tiled",
      buffers: { ...buffers },
      params,
      groups: [Math.ceil(n / tile.TILE_N), Math.ceil(m / tile.TILE_M), some.count * heads],
      overrides,
      knobs: tile,
    });
  const problem = `attention ${m}x${n}x${k} ${transA ? "T" : "N"}${transB ? "T" : "N"} ${some.count}x${heads}x${head}`;
  const tile = r.pick(problem, tilesFor(m, n), (trial, variant, given) => {
    const y = trial.out(tensors.y.shape);
    run(trial, variant, { a: given(tensors.a.shape), b: given(tensors.b.shape), y });
  });
  run(r, tile, tensors);
}

type Named = Tile & Variant;

/** Tiles as M × N × K / ROWS × COLS / SPLIT / STAGES, of many sizes: 50, 65 and 197 rows are to fit into one or a few with little left over. */
const TILES: readonly Named[] = [
  ...["104x112x8/8x8/1/2", "104x64x8/8x8/1/2", "72x72x16/8x4/1/1", "68x80x16/4x8/1/1", "52x112x16/4x8/1/1", "64x64x8/8x8/1/2"],
  ...["56x64x8/8x8/1/2", "52x64x16/4x8/1/1", "64x64x16/8x8/2/1", "40x64x16/8x8/4/1", "36x72x16/4x4/1/2", "64x64x16/4x4/1/1"],
  ...["64x32x8/8x4/1/2", "32x32x16/4x4/1/2"],
].map((name) => ({ name, ...tileOf(name) }));
const TRIED = 6;

/** The tiles that compute least beside the matrix, the best guess first; those with fewer numbers per invocation wait more for memory. */
function tilesFor(m: number, n: number): readonly Named[] {
  const cost = ({ TILE_M, TILE_N, ROWS, COLS }: Tile) =>
    Math.ceil(m / TILE_M) * TILE_M * Math.ceil(n / TILE_N) * TILE_N * (1 + 0.5 / ROWS + 0.5 / COLS);
  return TILES.toSorted((a, b) => cost(a) - cost(b)).slice(0, TRIED);
}

function rows(
  r: Recorder,
  entry: "forward" | "backward" | "kept",
  size: Size,
  some: Some,
  buffers: Readonly<Record<string, Tensor>>,
): void {
  const { heads, tokens, stride, scale, causal } = size;
  const count = some.count * heads * tokens;
  const LANES = r.software ? rowWidth(r) : stride > 256 ? 256 : stride > 64 ? 32 : 16;
  const WG = r.software ? LANES : Math.max(128, LANES);
  r.run({
    shader: "attention_rows",
    entry,
    buffers,
    params: { first: some.first * heads * tokens, rows: count, tokens, stride, scale },
    groups: flatGroups(count, WG / LANES),
    overrides: { CAUSAL: Number(causal) },
    knobs: { WG, LANES, HELD: Math.ceil(stride / LANES) },
  });
}

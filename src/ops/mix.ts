import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, type Recorder } from "./op.ts";

export interface Mix {
  /** Of y; its columns are a multiple of those of c. */
  readonly shape: readonly number[];
  readonly seed: number;
  readonly stream: number;
  /** The random tensors are uniform in ±bound. */
  readonly bound: number;
  /** One more of them, uniform in ±start, is what the sum begins with; 0 for none. */
  readonly start: number;
}

/** Invocations that keep a large GPU busy; a sum is cut into slices to have as many. */
const BUSY = 131_072;
/** Terms below which another slice costs more than it saves. */
const TERMS = 8;
/** Slices up to which one invocation sums them: where there are more, there are few sums, and a workgroup takes each. */
const SLICES = 16;

/**
 * y = start · U_n + bound · Σ_b c_b ⊙ U_b, where c (n, C) weighs n random tensors, or every C-th column of each. U_b is drawn
 * wherever it is needed and never stored: number e is 2⁻²³ · (h >> 8) − 1 with h = hash(seed, stream, ⌊b / 3⌋ · numel + e) at
 * component b mod 3.
 */
export const mix = defineOp<"c", never, Mix>({
  name: "mix",
  forward(r, { c }, cfg) {
    const { n, m, params } = sizes(c, cfg);
    const triples = Math.floor(n / 3) + 1;
    const { slice, slices } = cut(r, triples, m);
    const parts = r.out(slices > 1 ? [slices, m] : cfg.shape);
    r.run({
      shader: "mix",
      entry: "forward",
      buffers: { c, y: parts },
      params: { ...params, slice, slices },
      groups: flatGroups(slices * m, 64),
    });
    return { y: total(r, parts, slices, cfg.shape) };
  },
  backward(r, { c }, _saved, dy, need, cfg) {
    if (!need.c) return {};
    const { n, params } = sizes(c, cfg);
    const columns = params.columns * Math.ceil(n / 3);
    const { slice, slices } = cut(r, params.rows, columns);
    const parts = r.out(slices > 1 ? [slices, numel(c.shape)] : c.shape);
    r.run({
      shader: "mix",
      entry: "backward",
      buffers: { dy, dc: parts },
      params: { ...params, slice, slices },
      groups: flatGroups(slices * columns, 64),
    });
    return { c: total(r, parts, slices, c.shape) };
  },
});

function sizes(c: Tensor, { shape, seed, stream, bound, start }: Mix) {
  const n = c.shape[0] as number;
  const columns = numel(c.shape) / n;
  const m = numel(shape);
  if (m % columns) throw new Error(`mix: weights (${c.shape}) do not fit (${shape})`);
  // Beyond 2³² positions the tensors would repeat one another.
  if ((Math.floor(n / 3) + 1) * m > 2 ** 32)
    throw new Error(`mix: ${n} tensors of (${shape}) are more than can be drawn; take fewer or smaller ones.`);
  return { n, m, params: { n, rows: m / columns, columns, seed, stream, bound, start } };
}

/** `terms` of each of `sums` sums, in slices that are summed on their own. */
function cut({ software }: Recorder, terms: number, sums: number): { readonly slice: number; readonly slices: number } {
  const wanted = software ? 1 : Math.min(Math.ceil(terms / TERMS), Math.ceil(BUSY / sums));
  const slice = Math.ceil(terms / wanted);
  return { slice, slices: Math.ceil(terms / slice) };
}

function total(r: Recorder, parts: Tensor, slices: number, shape: readonly number[]): Tensor {
  if (slices === 1) return parts;
  const y = r.out(shape);
  const n = numel(shape);
  r.run({
    shader: "reduce",
    ...(slices > SLICES
      ? { entry: "columns", groups: flatGroups(n, 1), overrides: { WG: 64 } }
      : { entry: "slices", groups: flatGroups(n) }),
    buffers: { x: parts, y },
    params: { n, rows: slices },
  });
  return y;
}

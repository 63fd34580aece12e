import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, type Recorder } from "./op.ts";

export interface Dropout {
  /** Share of the numbers that become 0; at least 0, below 1. */
  readonly p: number;
  /** Two layers of one run have different streams. */
  readonly seed: number;
  readonly stream: number;
}

/**
 * y = x ⊙ mask / (1 − p). `clock` (4) ends with the step, so that one recording draws a new mask every step; the mask is never
 * stored. Number i is dropped when the upper 24 bits of hash(k₀, k₁, i)₀ are below p · 2²⁴, with k = hash(seed, stream, step).
 */
export const dropout = defineOp<"x" | "clock", never, Dropout>({
  name: "dropout",
  recomputed: true,
  forward: (r, { x, clock }, cfg) => ({ y: masked(r, x, clock, cfg) }),
  backward: (r, { clock }, _saved, dy, need, cfg) => (need.x ? { x: masked(r, dy, clock, cfg) } : {}),
});

function masked(r: Recorder, x: Tensor, clock: Tensor, { p, seed, stream }: Dropout): Tensor {
  const n = numel(x.shape);
  const y = r.out(x.shape);
  const params = { n, seed, stream, threshold: Math.round(p * 2 ** 24), scale: 1 / (1 - p) };
  r.run({ shader: "dropout", entry: "forward", buffers: { x, clock, y }, params, groups: flatGroups(n) });
  return y;
}

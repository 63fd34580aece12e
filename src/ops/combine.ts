import { numel } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

/**
 * y = base + w₀ · a + w₁ · b + w₂ · c, all of one shape, for weights (3) that lie on the GPU and may change between runs. A summand that
 * is not given, or whose weight is 0, is left out. It is for looking, not for training: there is no backward.
 */
export const combine = defineOp<"base" | "weights", "a" | "b" | "c">({
  name: "combine",
  forward(r, { base, weights, a, b, c }) {
    const y = r.out(base.shape);
    const n = numel(base.shape);
    r.run({
      shader: "combine",
      entry: "forward",
      buffers: { base, a: a ?? base, b: b ?? base, c: c ?? base, weights, y },
      params: { n },
      groups: flatGroups(n / 4),
      overrides: { HAS_A: Number(a !== undefined), HAS_B: Number(b !== undefined), HAS_C: Number(c !== undefined) },
    });
    return { y };
  },
});

import type { Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

export interface Pool {
  /** T, rows of x per image. */
  readonly tokens: number;
  /** "row" takes the row that `rows` names, or the first one (the class token); "mean" averages. */
  readonly kind: "row" | "mean";
  /** The first token of the mean: 1 leaves the class token out. */
  readonly from?: number;
}

/**
 * y (B, D) from x (B·T, D): the row rows[b] of each image (as CLIP's text tower takes the end-of-text token), or the mean over
 * the tokens from `from` on. A row ≥ T is taken for T − 1.
 */
export const pool = defineOp<"x", "rows", Pool>({
  name: "pool",
  absorbs: ["x"],
  forward(r, { x, rows }, cfg) {
    const [count, d] = x.shape as [number, number];
    const { tokens, from = 0 } = cfg;
    if (count % tokens) throw new Error(`pool: x (${x.shape}) is not a whole number of images of ${tokens} tokens`);
    if (from >= tokens) throw new Error(`pool: no token from ${from} on among ${tokens}`);
    const batch = count / tokens;
    const y = r.out([batch, d]);
    r.run({
      shader: "pool",
      entry: "forward",
      buffers: { x, rows: rows ?? x, y },
      params: { batch, t: tokens, d, first: from },
      groups: flatGroups(batch * d),
      overrides: flags(rows, cfg),
    });
    return { y };
  },
  backward(r, { x, rows }, _saved, dy, need, cfg, prior) {
    if (!need.x) return {};
    const [count, d] = x.shape as [number, number];
    const { tokens, from = 0 } = cfg;
    const dx = r.out(x.shape);
    r.run({
      shader: "pool",
      entry: "backward",
      buffers: { rows: rows ?? dy, dy, prior: prior.x ?? dy, dx },
      params: { batch: count / tokens, t: tokens, d, first: from },
      groups: flatGroups(count * d),
      overrides: { ...flags(rows, cfg), ADD: Number(prior.x !== undefined) },
    });
    return { x: dx };
  },
});

const flags = (rows: Tensor | undefined, { kind }: Pool) => ({ MEAN: Number(kind === "mean"), HAS_ROWS: Number(rows !== undefined) });

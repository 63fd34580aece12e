import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

export interface Pool {
  /** T, rows of x per image. */
  readonly tokens: number;
  /** "row" takes the row that `rows` names, or the first one (the class token); "mean" averages; "both" has the row, then the mean. */
  readonly kind: "row" | "mean" | "both";
  /** The first token of the mean: 1 leaves the class token out. */
  readonly from?: number;
}

/**
 * y (B, D) from x (B·T, D): the row rows[b] of each image (as CLIP's text tower takes the end-of-text token), or the mean over
 * the tokens from `from` on, or both as y (B, 2·D) (as DINOv2's classifier reads them). A row ≥ T is taken for T − 1.
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
    const y = r.out([batch, cfg.kind === "both" ? 2 * d : d]);
    r.run({
      shader: "pool",
      entry: "forward",
      buffers: { x, rows: rows ?? x, y },
      params: { batch, t: tokens, d, first: from },
      groups: flatGroups(numel(y.shape)),
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
  onnx(g, { x, rows }, { tokens, kind, from = 0 }, shapes) {
    if (rows) return undefined;
    const d = shapes.x[1] as number;
    const images = g.node("Reshape", [x, g.integers([-1, tokens, d])]);
    const part = (first: number, end: number) => g.node("Slice", [images, g.integers([first]), g.integers([end]), g.integers([1])]);
    const row = () => g.node("Reshape", [part(0, 1), g.integers([-1, d])]);
    const mean = () => g.node("ReduceMean", [part(from, tokens)], { axes: [1], keepdims: 0 });
    return kind === "both" ? g.node("Concat", [row(), mean()], { axis: 1 }) : kind === "row" ? row() : mean();
  },
});

const flags = (rows: Tensor | undefined, { kind }: Pool) => ({
  ROW: Number(kind !== "mean"),
  MEAN: Number(kind !== "row"),
  HAS_ROWS: Number(rows !== undefined),
});

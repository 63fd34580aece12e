import type { Tensor } from "../tensor/tensor.ts";
import { defineOp } from "./op.ts";

export interface Attention {
  /** Images (or texts) in q, k and v. */
  readonly batch: number;
  readonly heads: number;
  /** Row t sees keys 0 … t, as in CLIP's text tower. */
  readonly causal?: boolean;
}

/** y = softmax(q kᵀ / √head) v per image and head; q, k, v, y are (batch · tokens, heads · head). */
export const attention = defineOp<"q" | "k" | "v", never, Attention>({
  name: "attention",
  forward(r, { q, k, v }, cfg) {
    const launch = launchFor(q, cfg);
    const y = r.out(q.shape);
    const softmax = r.out([cfg.batch * cfg.heads, launch.params.tokens, 2]);
    r.run({ ...launch, shader: "attention", entry: "forward", buffers: { q, k, v, y, softmax } });
    return { y, saved: { softmax } };
  },
  backward(r, { q, k, v }, saved, dy, need, cfg) {
    const launch = { ...launchFor(q, cfg), shader: "attention_backward" };
    const softmax = saved.softmax as Tensor;
    const [dq, dk, dv] = [r.out(q.shape), r.out(k.shape), r.out(v.shape)];
    const centre = r.out(softmax.shape);
    if (need.q || need.k) r.run({ ...launch, entry: "rows", buffers: { q, k, v, dy, softmax, centre_out: centre } });
    if (need.q) r.run({ ...launch, entry: "queries", buffers: { q, k, v, dy, softmax, centre, dq } });
    if (need.k) r.run({ ...launch, entry: "keys", buffers: { q, k, v, dy, softmax, centre, dk } });
    if (need.v) r.run({ ...launch, entry: "values", buffers: { q, k, dy, softmax, dv } });
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

function launchFor({ shape }: Tensor, { batch, heads, causal = false }: Attention) {
  const [rows, width] = shape as [number, number];
  const tokens = rows / batch;
  const head = width / heads;
  if (!Number.isInteger(tokens) || !Number.isInteger(head))
    throw new Error(`attention: (${rows}, ${width}) is not ${batch} images of ${heads} heads`);
  if (head > 128) throw new Error(`attention: heads of ${head} numbers; at most 128 fit in registers`);
  // One subgroup a workgroup: with as few rows as these, many small groups hide one another's waiting best (measured on an H200).
  const size = 32;
  return {
    params: { tokens, heads, scale: 1 / Math.sqrt(head) },
    groups: [Math.ceil(tokens / size), batch * heads],
    overrides: { WG: size, CAUSAL: Number(causal) },
    knobs: { HEAD: head },
  } as const;
}

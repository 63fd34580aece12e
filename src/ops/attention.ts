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
    const lse = r.out([cfg.batch * cfg.heads, launch.params.tokens]);
    r.run({ ...launch, entry: "forward", buffers: { q, k, v, y, lse } });
    return { y, saved: { y, lse } };
  },
  backward(r, { q, k, v }, saved, dy, need, cfg) {
    const launch = launchFor(q, cfg);
    const [y, lse] = [saved.y as Tensor, saved.lse as Tensor];
    const [dq, dk, dv] = [r.out(q.shape), r.out(k.shape), r.out(v.shape)];
    const delta = r.out(lse.shape);
    if (need.q || need.k) r.run({ ...launch, entry: "backward_q", buffers: { q, k, v, y_in: y, lse_in: lse, dy, delta, dq } });
    if (need.k) r.run({ ...launch, entry: "backward_k", buffers: { q, k, v, dy, lse_in: lse, delta_in: delta, dk } });
    if (need.v) r.run({ ...launch, entry: "backward_v", buffers: { q, k, dy, lse_in: lse, dv } });
    return { q: dq, k: dk, v: dv };
  },
});

function launchFor({ shape }: Tensor, { batch, heads, causal = false }: Attention) {
  const [rows, width] = shape as [number, number];
  const tokens = rows / batch;
  const head = width / heads;
  if (!Number.isInteger(tokens) || !Number.isInteger(head)) throw new Error(`attention: (${rows}, ${width}) is not ${batch} images of ${heads} heads`);
  if (head > 128) throw new Error(`attention: heads of ${head} numbers; at most 128 fit in registers`);
  // A workgroup takes one image and head where it can, so that keys and values are read once.
  const size = Math.min(128, Math.ceil(tokens / 32) * 32);
  return {
    shader: "attention",
    params: { tokens, heads, scale: 1 / Math.sqrt(head) },
    groups: [Math.ceil(tokens / size), batch * heads],
    overrides: { WG: size, CAUSAL: Number(causal) },
    knobs: { HEAD: head },
  } as const;
}

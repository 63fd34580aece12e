import type { Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups, rowWidth } from "./op.ts";

export interface CrossEntropy {
  /** ε of label smoothing: the target is (1 − ε) · onehot + ε / C, as in PyTorch. */
  readonly smoothing: number;
}

/**
 * y (1): mean cross entropy of logits (B, C) against labels (B, u32) over the first count[0] rows; the others are padding and
 * have no influence. Saves rows (B, 2), the loss and 1 or 0 for a right prediction (the lowest index on ties), and lse (B), the
 * log-sum-exp of the logits. A label ≥ C is taken for C − 1; without a valid row the loss is 0.
 * With `weights` (C) every class's term is multiplied by its weight, and the mean is divided by the sum of the labels' weights, as
 * torch.nn.CrossEntropyLoss(weight=…) does, smoothing included; rows stay unweighted, and weights that are all 0 give a loss of 0.
 * Label smoothing: Szegedy et al. 2016, arXiv:1512.00567, section 7.
 */
export const crossentropy = defineOp<"logits" | "labels" | "count", "weights", CrossEntropy>({
  name: "crossentropy",
  forward(r, { logits, labels, count, weights }, { smoothing }) {
    const [b, c] = logits.shape as [number, number];
    const params = { b, c, smoothing };
    const overrides = { WG: rowWidth(r) };
    const [y, rows, lse] = [r.out([1]), r.out([b, 2]), r.out([b])];
    r.run({
      shader: "crossentropy",
      entry: "forward",
      buffers: { logits, labels, count, rows, lse },
      params,
      groups: flatGroups(b, 1),
      overrides,
    });
    if (weights) {
      const [weighed, total] = [r.out([b, 2]), r.out([2])];
      const buffers = { logits, labels, count, saved_lse: lse, weights, weighed };
      r.run({ shader: "crossentropy", entry: "weigh", buffers, params, groups: flatGroups(b, 1), overrides });
      const sums = { count, weights, saved_weighed: weighed, y, total };
      r.run({ shader: "crossentropy", entry: "weighted_mean", buffers: sums, params, groups: [1], overrides });
      return { y, saved: { rows, lse, total } };
    }
    r.run({ shader: "crossentropy", entry: "mean", buffers: { count, saved_rows: rows, y }, params, groups: [1], overrides });
    return { y, saved: { rows, lse } };
  },
  backward(r, { logits, labels, count, weights }, saved, dy, need, { smoothing }) {
    if (!need.logits) return {};
    const [b, c] = logits.shape as [number, number];
    const dlogits = r.out(logits.shape);
    const buffers = { logits, labels, count, saved_lse: saved.lse as Tensor, dy, dlogits };
    const weighted = weights && { weights, saved_total: saved.total as Tensor };
    r.run({
      shader: "crossentropy",
      entry: weighted ? "weighted_backward" : "backward",
      buffers: { ...buffers, ...weighted },
      params: { b, c, smoothing },
      groups: flatGroups(b * c, 64),
    });
    return { logits: dlogits };
  },
});

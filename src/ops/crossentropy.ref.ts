import { crossentropy } from "./crossentropy.ts";
import { defineOracle } from "./op.ts";

/** The suite's count is 2245 modulo a bound: these bounds give the counts that the cases name. */
const COUNT = { 0: 5, 1: 2, 4: 9, 5: 8, 9: 13, 2245: 3000 } as const;

const on = (b: number, c: number, count: keyof typeof COUNT) => ({
  shapes: { logits: [b, c], labels: [b], count: [1] },
  integers: { labels: c, count: COUNT[count] },
});
/** Classes of very different weight: noise of ±1.5 about 2. */
const weighted = (b: number, c: number, count: keyof typeof COUNT) => ({
  ...on(b, c, count),
  shapes: { logits: [b, c], labels: [b], count: [1], weights: [c] },
  offset: { weights: 2 },
});

export default defineOracle({
  op: crossentropy,
  reference({ logits, labels, count, weights }, shapes, { smoothing }) {
    const [b, c] = shapes.logits as [number, number];
    const valid = Math.min(count[0]!, b);
    let [sum, total] = [0, 0];
    for (let row = 0; row < valid; row++) {
      const z = logits.subarray(row * c, (row + 1) * c);
      const top = z.reduce((a, v) => Math.max(a, v), Number.NEGATIVE_INFINITY);
      const lse = top + Math.log(z.reduce((a, v) => a + Math.exp(v - top), 0));
      z.forEach((v, i) => {
        const target = (i === Math.min(labels[row]!, c - 1) ? 1 - smoothing : 0) + smoothing / c;
        sum += (weights?.[i] ?? 1) * target * (lse - v);
      });
      total += weights?.[Math.min(labels[row]!, c - 1)] ?? 1;
    }
    return Float64Array.of(valid > 0 ? sum / total : 0);
  },
  differentiable: ["logits"],
  cases: [
    { name: "smallest", ...on(1, 1, 1), cfg: { smoothing: 0.1 } },
    { name: "odd, padded", ...on(7, 133, 5), cfg: { smoothing: 0.1 } },
    { name: "few classes, padded", ...on(7, 3, 5), cfg: { smoothing: 0.1 } }, // its gradients are large enough to tell 1/5 from 1/7
    { name: "more rows than one direction of a launch has", ...on(65_539, 2, 2245), cfg: { smoothing: 0.1 } },
    { name: "full", ...on(5, 10, 5), cfg: { smoothing: 0 } },
    { name: "a count beyond the batch", ...on(6, 3, 2245), cfg: { smoothing: 0.2 } },
    { name: "no valid row", ...on(4, 6, 0), cfg: { smoothing: 0.1 } },
    { name: "more rows than a workgroup has lanes", ...on(100, 3, 2245), cfg: { smoothing: 0 } },
    { name: "thousand classes", ...on(9, 1000, 9), cfg: { smoothing: 0.1 } },
    { name: "weighted", ...weighted(5, 10, 5), cfg: { smoothing: 0 } },
    { name: "weighted, odd, padded", ...weighted(7, 133, 5), cfg: { smoothing: 0.1 } },
    { name: "weighted, few classes, padded", ...weighted(7, 3, 5), cfg: { smoothing: 0.3 } },
    { name: "weighted, no valid row", ...weighted(4, 6, 0), cfg: { smoothing: 0.1 } },
    { name: "labels beyond the classes", ...on(4, 3, 4), integers: { labels: 11_000, count: COUNT[4] }, cfg: { smoothing: 0 } },
    // exp of these overflows without the largest logit taken off first; what remains is exact, so the default tolerance holds.
    { name: "large logits", ...on(5, 33, 4), cfg: { smoothing: 0.1 }, offset: { logits: 1000 } },
    { name: "large negative logits", ...on(5, 33, 4), cfg: { smoothing: 0.1 }, offset: { logits: -1000 } },
  ],
});

import { type Attention, attention } from "./attention.ts";
import { defineOracle } from "./op.ts";

const on = ({ batch, heads }: Attention, tokens: number, head: number) => {
  const shape = [batch * tokens, heads * head];
  return { q: shape, k: shape, v: shape };
};
const one = { batch: 1, heads: 1 };
const odd = { batch: 2, heads: 3 };
const causal = { batch: 2, heads: 2, causal: true };

export default defineOracle<"q" | "k" | "v", never, Attention>({
  op: attention,
  reference({ q, k, v }, shapes, { batch, heads, causal: masked }) {
    const [rows, width] = shapes.q as [number, number];
    const [tokens, head] = [rows / batch, width / heads];
    const y = new Float64Array(q.length);
    for (let b = 0; b < batch; b++) {
      for (let h = 0; h < heads; h++) {
        const at = (t: number) => (b * tokens + t) * width + h * head;
        for (let t = 0; t < tokens; t++) {
          const seen = masked ? t + 1 : tokens;
          const scores = Array.from({ length: seen }, (_, s) => {
            let dot = 0;
            for (let i = 0; i < head; i++) dot += q[at(t) + i]! * k[at(s) + i]!;
            return dot / Math.sqrt(head);
          });
          const top = Math.max(...scores);
          const weights = scores.map((s) => Math.exp(s - top));
          const total = weights.reduce((a, w) => a + w, 0);
          weights.forEach((w, s) => {
            for (let i = 0; i < head; i++) y[at(t) + i]! += (w / total) * v[at(s) + i]!;
          });
        }
      }
    }
    return y;
  },
  differentiable: ["q", "k", "v"],
  cases: [
    { name: "smallest", shapes: on(one, 1, 1), cfg: one },
    { name: "odd head", shapes: on(odd, 7, 5), cfg: odd },
    { name: "more tokens than a workgroup", shapes: on(one, 133, 8), cfg: one },
    { name: "more tokens than a tile", shapes: on(odd, 17, 16), cfg: odd },
    { name: "one more than a tile", shapes: on(odd, 65, 8), cfg: odd },
    { name: "as CLIP's, in one tile", shapes: on(one, 50, 12), cfg: one },
    { name: "long rows", shapes: on(one, 261, 4), cfg: one, tolerance: 5e-5 },
    { name: "causal, many tiles", shapes: on(causal, 81, 4), cfg: causal },
    { name: "large scores in tiles", shapes: on(one, 70, 8), cfg: one, offset: { q: 6, k: 6 }, tolerance: 2e-4 },
    { name: "causal", shapes: on(causal, 19, 8), cfg: causal },
    // Scores near 200: the softmax must be taken relative to its maximum. Their float32 rounding, 1e-5, is what y shows.
    { name: "large scores", shapes: on(one, 9, 4), cfg: one, offset: { q: 10, k: 10 }, tolerance: 2e-4 },
  ],
});

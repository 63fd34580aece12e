import { mix } from "../ops/mix.ts";
import { counter, defineAdapter, dropoutField, nearest } from "./adapter.ts";

const fields = {
  bases: {
    label: "Bases k",
    help: "Random matrices that each factor is mixed from; two trained numbers each. 64 to 1024; time grows with k · r.",
    default: 512,
    min: 1,
    max: 4096,
    step: 1,
  },
  rank: { label: "Rank r", help: "Of the update; it costs no parameters. 1 to 16.", default: 8, min: 1, max: 256, step: 1 },
  alpha: {
    label: "Alpha α",
    help: "The update is multiplied by α / r. r is usual.",
    default: 8,
    min: 0.01,
    max: 100_000,
    step: 0.01,
    follows: "rank",
  },
  dropout: dropoutField,
};

/**
 * ΔW = (α / r) · (Σ β_i B_i) · (A₀ + Σ α_i A_i), i ≤ k. A_i (r, in) and B_i (out, r) are uniform in ±1, A₀ in ±1/√in; they are
 * drawn inside the kernel from the seed and never stored. Only α_i and β_i train; both begin at 0.
 */
const nola = defineAdapter({
  title: "NoLA",
  paper: "arXiv 2310.02556",
  does: "LoRA's matrices are mixed from random ones; only the weights of the mix are learned.",
  family: "Random bases",
  mark: { light: "#b0478a", dark: "#e58fc0", dash: "9 3 2 3" },
  fields,
  lr: 5e-3,
  trainable: (_layer, { bases }) => ({ a: [bases], b: [bases] }),
  init: (_layer, { bases }) => ({ a: new Float32Array(bases), b: new Float32Array(bases) }),
  shared: () => ({}),
  inner: (_layer, { rank }) => rank,
  factors({ tape, trainable, seed, stream }, layer, { rank, alpha }) {
    const up = tape.apply(mix, { c: trainable.b }, { shape: [layer.out, rank], seed, stream: 2 * stream + 1, bound: 1, start: 0 });
    const start = 1 / Math.sqrt(layer.in);
    const down = tape.apply(mix, { c: trainable.a }, { shape: [rank, layer.in], seed, stream: 2 * stream, bound: 1, start });
    return [{ up, down, gain: alpha / rank }];
  },
  match(layers, settings, budget) {
    const count = counter(nola, layers);
    return { ...settings, bases: nearest(1, fields.bases.max, budget, (bases) => count({ ...settings, bases })) };
  },
});

export default nola;

import { mix } from "../ops/mix.ts";
import { counter, defineAdapter, dropoutField, nearest, type SiteShape } from "./adapter.ts";

const small = (layer: SiteShape) => Math.min(layer.in, layer.out);
const large = (layer: SiteShape) => Math.max(layer.in, layer.out);

const fields = {
  rank: {
    label: "Rank r",
    help: "The wall: the bases are summed before they are multiplied. 32 in the paper.",
    default: 32,
    min: 1,
    max: 1024,
    step: 1,
  },
  bases: {
    label: "Bases n",
    help: "Pairs of random matrices; each costs r + d parameters per layer.",
    default: 64,
    min: 1,
    max: 4096,
    step: 1,
  },
  alpha: {
    label: "Alpha α",
    help: "The update is multiplied by α / r. Twice r is careful.",
    default: 64,
    min: 0.01,
    max: 100_000,
    step: 0.01,
    follows: "rank",
  },
  dropout: dropoutField,
};

/**
 * ΔW = (α / r) · (Σ_i B_i Λ_i) · (Σ_i A_i Γ_i) over n bases: the ablation with RandLoRA's parameters but rank r (§6.3); transposed
 * where in > out. A_i and B_i have unit variance and are drawn inside the kernel, the same for all layers of one shape. λ begins
 * at 0, γ at 1 / max(n, d), as RandLoRA's.
 */
const randloraa = defineAdapter({
  title: "RandLoRA-a",
  paper: "arXiv 2502.00987",
  does: "RandLoRA summed before the product: its size without its rank.",
  family: "Random bases",
  mark: { light: "#8a5d00", dark: "#e3b341", dash: "7 3 2 3 2 3" },
  fields,
  lr: 1e-3,
  trainable: (layer, { rank, bases }) => ({ lambda: [bases, rank], gamma: [bases, small(layer)] }),
  init: (layer, { rank, bases }) => ({
    lambda: new Float32Array(bases * rank),
    gamma: new Float32Array(bases * small(layer)).fill(1 / Math.max(bases, small(layer))),
  }),
  shared: () => ({}),
  inner: (_layer, { rank }) => rank,
  factors({ tape, trainable: { lambda, gamma }, seed }, layer, { rank, alpha }) {
    const drawn = { seed, bound: Math.sqrt(3), start: 0 };
    const b = tape.apply(mix, { c: lambda }, { shape: [large(layer), rank], stream: 0, ...drawn });
    const a = tape.apply(mix, { c: gamma }, { shape: [rank, small(layer)], stream: 1, ...drawn });
    const gain = alpha / rank;
    return [layer.in <= layer.out ? { up: b, down: a, gain } : { up: a, down: b, gain, transposed: true }];
  },
  match(layers, settings, budget) {
    const count = counter(randloraa, layers);
    return { ...settings, bases: nearest(1, fields.bases.max, budget, (bases) => count({ ...settings, bases })) };
  },
});

export default randloraa;

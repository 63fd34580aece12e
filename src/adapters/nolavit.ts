import { mix } from "../ops/mix.ts";
import { counter, defineAdapter, nearest } from "./adapter.ts";

const fields = {
  bases: {
    label: "Bases k",
    help: "Random matrices that each factor is mixed from; two trained numbers each. 1024 in the paper.",
    default: 1024,
    min: 1,
    max: 4096,
    step: 1,
  },
  rank: { label: "Rank r", help: "Of the update; it costs no parameters. 1 in the paper.", default: 1, min: 1, max: 256, step: 1 },
};

/**
 * NoLA as its authors ran it on vision transformers: ΔWᵀ = (1 / r) · (Σ α_i A_i) · (Σ β_i B_i), i ≤ k, with A_i (in, r) uniform in
 * ±1/√(in · r) and B_i (r, out) in ±1/√(r · out). All weights begin at 1/k, so ΔW is tiny but not zero at first. Layers of one
 * shape mix the same matrices.
 */
const nolavit = defineAdapter({
  offset: true,
  title: "NoLA (ViT)",
  paper: "arXiv 2310.02556",
  does: "NoLA as its authors ran it on vision transformers.",
  family: "Random bases",
  mark: { light: "#b0478a", dark: "#e58fc0", dash: "3 2 3 5" },
  fields,
  lr: 5e-3,
  trainable: (_layer, { bases }) => ({ a: [bases], b: [bases] }),
  init: (_layer, { bases }) => ({ a: new Float32Array(bases).fill(1 / bases), b: new Float32Array(bases).fill(1 / bases) }),
  shared: () => ({}),
  inner: (_layer, { rank }) => rank,
  factors({ tape, trainable, seed }, layer, { rank }) {
    const drawn = (width: number, stream: number) => ({ seed, stream, bound: 1 / Math.sqrt(width * rank), start: 0 });
    const down = tape.apply(mix, { c: trainable.a }, { shape: [layer.in, rank], ...drawn(layer.in, 0) });
    const up = tape.apply(mix, { c: trainable.b }, { shape: [rank, layer.out], ...drawn(layer.out, 1) });
    return [{ up, down, gain: 1 / rank, transposed: true }];
  },
  match(layers, settings, budget) {
    const count = counter(nolavit, layers);
    return { ...settings, bases: nearest(1, fields.bases.max, budget, (bases) => count({ ...settings, bases })) };
  },
});

export default nolavit;

import { corner } from "../ops/corner.ts";
import { expand } from "../ops/expand.ts";
import { randlora as fused } from "../ops/randlora.ts";
import { randloraBases } from "../tensor/random.ts";
import { countParameters, defineAdapter, nearest, type SiteShape } from "./adapter.ts";

const small = (layer: SiteShape) => Math.min(layer.in, layer.out);
const large = (layer: SiteShape) => Math.max(layer.in, layer.out);
const basesOf = (layer: SiteShape, rank: number) => Math.ceil(small(layer) / rank);

/**
 * ΔW = (α / r) · Σ_j B_j Λ_j A Γ_j over n = ⌈d / r⌉ frozen random bases, d the smaller side of the layer; transposed where
 * in > out. Bases, pairing of columns and first values are PEFT's, bit for bit: λ is zero, γ is 1 / max(n, d).
 */
const randlora = defineAdapter({
  title: "RandLoRA",
  paper: "arXiv 2502.00987",
  fields: {
    rank: {
      label: "Basis rank r",
      help: "Lower r means more bases and more parameters; the update has full rank at any r. 1 to 32.",
      default: 2,
      min: 1,
      max: 192,
      step: 1,
    },
    alpha: {
      label: "Alpha α",
      help: "The update is multiplied by α / r. Ten times r is a careful start; 20 r needs a lower learning rate.",
      default: 20,
      min: 1,
      max: 4000,
      step: 1,
    },
  },
  lr: 1e-3,
  trainable(layer, { rank }) {
    const bases = basesOf(layer, rank);
    return { lambda: [rank, bases], gamma: [bases, small(layer)] };
  },
  init(layer, { rank }) {
    const bases = basesOf(layer, rank);
    return {
      lambda: new Float32Array(rank * bases),
      gamma: new Float32Array(bases * small(layer)).fill(1 / Math.max(bases, small(layer))),
    };
  },
  // PEFT takes the largest out and the largest in over all layers, each on its own (its `_find_dim`).
  shared(layers, { rank }, seed) {
    const [out, inner] = [Math.max(...layers.map((l) => l.out)), Math.max(...layers.map((l) => l.in))];
    const [MX, MN] = [Math.max(out, inner), Math.min(out, inner)];
    const { A, B } = randloraBases({ r: rank, MN, MX, seed, variant: "dense" });
    return { basisA: { shape: [rank, MN], data: A }, basisB: { shape: [MX, B.length / MX], data: B } };
  },
  inner: (layer, { rank }) => rank * basesOf(layer, rank),
  factors({ tape, trainable: { lambda, gamma }, shared: { basisA, basisB } }, layer, { rank, alpha }) {
    const cols = rank * basesOf(layer, rank);
    const scaled = tape.apply(expand, { a: basisA, lambda, gamma }, {});
    const frozen = tape.apply(corner, { x: basisB }, { rows: large(layer), cols });
    const gain = alpha / rank;
    return layer.in <= layer.out ? { up: frozen, down: scaled, gain } : { up: scaled, down: frozen, gain, transposed: true };
  },
  merge: ({ tape, trainable, shared }, w, _layer, { rank, alpha }) =>
    tape.apply(fused, { w, ...shared, ...trainable }, { gain: alpha / rank }),
  match(layers, settings, budget) {
    const rank = nearest(1, 192, budget, (r) => countParameters(randlora, layers, { ...settings, rank: r }));
    return { rank, alpha: (settings.alpha * rank) / settings.rank };
  },
});

export default randlora;

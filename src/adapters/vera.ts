import { expectShape } from "../formats/peft.ts";
import { corner } from "../ops/corner.ts";
import { rowscale } from "../ops/rowscale.ts";
import { MersenneTwister } from "../tensor/random.ts";
import { counter, defineAdapter, dropoutField, leastSide, nearest, type SiteShape } from "./adapter.ts";

const widest = (layers: readonly SiteShape[]) => Math.max(...layers.map((layer) => layer.in));
const tallest = (layers: readonly SiteShape[]) => Math.max(...layers.map((layer) => layer.out));

/** `count` numbers of torch's kaiming_uniform_ on a float32 CPU tensor: uniform in ±√(6 / fan), rounded once. */
function kaiming(generator: MersenneTwister, count: number, fan: number): Float32Array {
  const bound = Math.fround(Math.sqrt(3) * (Math.sqrt(2) / Math.sqrt(fan)));
  return Float32Array.from({ length: count }, () => (generator.next() & 0xffffff) * 2 ** -24 * (2 * bound) - bound);
}

const fields = {
  rank: {
    label: "Rank r",
    help: "Of the frozen pair; each costs one trained number per layer. 64 to 1024.",
    default: 256,
    min: 1,
    max: 1024,
    step: 1,
  },
  initial: {
    label: "First scale",
    help: "Where the learned scales between the two matrices begin. 0.1 is usual, 1e-7 careful.",
    default: 0.1,
    min: 0,
    max: 10,
    step: 1e-7,
  },
  dropout: dropoutField,
};

/**
 * ΔW = diag(λ_b) · B · diag(λ_d) · A with one frozen pair A (r, largest in), B (largest out, r) for all layers, each of which takes
 * the corner it needs. As in PEFT: no α, λ_b begins at 0, the pair is drawn from the seed bit for bit.
 */
const vera = defineAdapter({
  title: "VeRA",
  paper: "arXiv 2310.11454",
  does: "Random matrices shared by all layers; only two vectors of scales are learned.",
  family: "Random bases",
  mark: { light: "#00775a", dark: "#3cc79b", dash: "2 3" },
  fields,
  lr: 1e-2,
  trainable: (layer, { rank }) => ({ b: [layer.out], d: [rank] }),
  init: (layer, { rank, initial }) => ({ b: new Float32Array(layer.out), d: new Float32Array(rank).fill(initial) }),
  shared(layers, { rank }, seed) {
    const [inner, out] = [widest(layers), tallest(layers)];
    const generator = new MersenneTwister(seed);
    const A = kaiming(generator, rank * inner, inner);
    return { basisA: { shape: [rank, inner], data: A }, basisB: { shape: [out, rank], data: kaiming(generator, out * rank, rank) } };
  },
  stacks: true,
  frozenDown: true,
  inner: (_layer, { rank }) => rank,
  factors({ tape, trainable: { b, d }, shared: { basisA, basisB } }, layer, { rank }) {
    const [A, B] = [
      tape.once(corner, { x: basisA }, { rows: rank, cols: layer.in }),
      tape.once(corner, { x: basisB }, { rows: layer.out, cols: rank }),
    ];
    return [{ up: tape.apply(rowscale, { x: B, scale: b }, {}), middle: d, down: A, gain: 1 }];
  },
  match(layers, settings, budget) {
    const count = counter(vera, layers);
    return { ...settings, rank: nearest(1, Math.min(fields.rank.max, leastSide(layers)), budget, (rank) => count({ ...settings, rank })) };
  },
  peft: {
    type: "VERA",
    parts: { b: "vera_lambda_b", d: "vera_lambda_d" },
    write: ({ rank, initial, dropout }, seed) => ({
      d_initial: initial,
      init_weights: true,
      projection_prng_key: seed,
      r: rank,
      save_projection: true,
      vera_dropout: dropout,
    }),
    read(config) {
      const { rank, initial, dropout } = fields;
      const settings = {
        rank: config.number("r", config.count("r", 256, rank.min), rank.min, rank.max),
        initial: config.number("d_initial", 0.1, initial.min, initial.max),
        dropout: config.number("vera_dropout", 0, dropout.min, dropout.max),
      };
      return { settings, seed: config.count("projection_prng_key", 0) };
    },
    shared: {
      keys: ["vera_A", "vera_B"],
      write: ({ basisA, basisB }) =>
        new Map([
          ["vera_A", { shape: basisA.shape, data: basisA.data as Float32Array }],
          ["vera_B", { shape: basisB.shape, data: basisB.data as Float32Array }],
        ]),
      read(tensors, { rank }, layers) {
        const take = (key: string, shape: readonly number[]) => expectShape(tensors.get(key), key, shape);
        return { basisA: take("vera_A", [rank, widest(layers)]), basisB: take("vera_B", [tallest(layers), rank]) };
      },
    },
  },
});

export default vera;

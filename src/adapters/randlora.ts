import { expectShape } from "../formats/peft.ts";
import { corner } from "../ops/corner.ts";
import { expand } from "../ops/expand.ts";
import { randlora as fused } from "../ops/randlora.ts";
import { ternary } from "../ops/ternary.ts";
import { packBases, type StoredBases, unpackBases } from "../tensor/codes.ts";
import { drawBases } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { counter, defineAdapter, dropoutField, type Factors, leastSide, type Parts, type Settings, type SiteShape } from "./adapter.ts";

export const randloraFields = {
  rank: {
    label: "Basis rank r",
    help: "Lower r means more bases and more parameters; the update has full rank at any r. 1 to 32.",
    default: 2,
    min: 1,
    max: 1024,
    step: 1,
  },
  alpha: {
    label: "Alpha α",
    help: "The update is multiplied by α / r. Ten times r is a careful start; 20 r needs a lower learning rate.",
    default: 20,
    min: 0.01,
    max: 100_000,
    step: 0.01,
    follows: "rank",
  },
  bases: {
    label: "Bases",
    help: "Random entries: any number, or −1, 0 and 1 with many zeros (paper §6.4), which at a low r leave inputs unchanged.",
    default: 0,
    min: 0,
    max: 2,
    step: 1,
    choices: ["dense", "sparse", "very sparse"],
  },
  dropout: dropoutField,
};
type RandloraSettings = Pick<Settings<typeof randloraFields>, "rank" | "alpha" | "bases">;
type RandloraParts = Parts<"lambda" | "gamma", keyof StoredBases>;

const VARIANTS = ["dense", "sparse", "very-sparse"] as const;
const small = (layer: SiteShape) => Math.min(layer.in, layer.out);
const large = (layer: SiteShape) => Math.max(layer.in, layer.out);

// PEFT takes the largest out and the largest in over all layers, each on its own (its `_find_dim`).
function extent(layers: readonly SiteShape[]): { readonly MN: number; readonly MX: number } {
  const [out, inner] = [Math.max(...layers.map((l) => l.out)), Math.max(...layers.map((l) => l.in))];
  return { MX: Math.max(out, inner), MN: Math.min(out, inner) };
}

/** Ternary bases are codes, both of them; of dense ones only B is. */
const isTernary = ({ basisA }: Pick<RandloraParts["shared"], "basisA">): boolean => basisA.type === "u32";

/**
 * (α / r) · Σ_j B_j Λ_j A Γ_j over n frozen random bases, d the smaller side of the layer; transposed where in > out. Bases,
 * pairing of columns and first values are PEFT's, bit for bit: λ is zero, γ is 1 / max(n, d). `count` gives n of d and r.
 */
export const scaledBases = (count: (d: number, rank: number) => number) => ({
  stacks: true as const,
  trainable(layer: SiteShape, { rank }: RandloraSettings) {
    const n = count(small(layer), rank);
    return { lambda: [rank, n], gamma: [n, small(layer)] };
  },
  init(layer: SiteShape, { rank }: RandloraSettings) {
    const n = count(small(layer), rank);
    return {
      lambda: new Float32Array(rank * n),
      gamma: new Float32Array(n * small(layer)).fill(1 / Math.max(n, small(layer))),
    };
  },
  shared: (layers: readonly SiteShape[], { rank, bases }: RandloraSettings, seed: number): StoredBases =>
    drawBases({ r: rank, ...extent(layers), seed, variant: VARIANTS[bases] ?? "dense" }),
  inner: (layer: SiteShape, { rank }: RandloraSettings) => rank * count(small(layer), rank),
  factors({ tape, trainable: { lambda, gamma }, shared }: RandloraParts, layer: SiteShape, settings: RandloraSettings): readonly Factors[] {
    const { basisA, basisB, levels } = shared;
    const cols = settings.rank * count(small(layer), settings.rank);
    const a = isTernary(shared) ? tape.apply(corner, { x: basisA, levels }, { rows: settings.rank, cols: small(layer), basis: 0 }) : basisA;
    const scaled = tape.apply(expand, { a, lambda, gamma }, {});
    const frozen = tape.apply(corner, { x: basisB, levels }, { rows: large(layer), cols, basis: 1 });
    const gain = settings.alpha / settings.rank;
    return [layer.in <= layer.out ? { up: frozen, down: scaled, gain } : { up: scaled, down: frozen, gain, transposed: true }];
  },
  merge: ({ tape, trainable: { lambda, gamma }, shared }: RandloraParts, w: Tensor, _layer: SiteShape, { rank, alpha }: RandloraSettings) =>
    tape.apply(isTernary(shared) ? ternary : fused, { w, ...shared, lambda, gamma }, { gain: alpha / rank }),
});

/**
 * The rank at which `count` comes nearest to `budget`: with rounded numbers of bases it does not fall steadily, so all are tried. Past
 * a layer's smaller side there would be a single basis, whose λ alone grows.
 */
export function nearestRank(layers: readonly SiteShape[], budget: number, count: (rank: number) => number): number {
  let [best, distance] = [1, Number.POSITIVE_INFINITY];
  for (let rank = 1; rank <= Math.min(randloraFields.rank.max, leastSide(layers) - 1); rank++) {
    const gap = Math.abs(count(rank) - budget);
    if (gap < distance) [best, distance] = [rank, gap];
  }
  return best;
}

const randlora = defineAdapter({
  title: "RandLoRA",
  paper: "arXiv 2502.00987",
  does: "Sums many random pieces, of which diagonals are learned: full rank at about LoRA's size.",
  family: "Random bases",
  mark: { light: "#c4500a", dark: "#f2994a", dash: "7 3" },
  fields: randloraFields,
  lr: 1e-3,
  ...scaledBases((d, rank) => Math.ceil(d / rank)),
  match(layers, settings, budget) {
    const count = counter(randlora, layers);
    const rank = nearestRank(layers, budget, (r) => count({ ...settings, rank: r }));
    return { ...settings, rank, alpha: (settings.alpha * rank) / settings.rank };
  },
  peft: {
    type: "RANDLORA",
    parts: { lambda: "randlora_lambda", gamma: "randlora_gamma" },
    write: ({ rank, alpha, bases, dropout }, seed) => ({
      init_weights: true,
      projection_prng_key: seed,
      r: rank,
      randlora_alpha: alpha,
      randlora_dropout: dropout,
      save_projection: true,
      sparse: bases === 1,
      very_sparse: bases === 2,
    }),
    read(config) {
      config.neutral({ use_dora: [false] });
      const { rank, alpha, dropout } = randloraFields;
      const settings = {
        rank: config.number("r", config.count("r", 32, rank.min), rank.min, rank.max),
        alpha: config.number("randlora_alpha", 640, alpha.min, alpha.max),
        // PEFT lets very_sparse win when both are set.
        bases: config.flag("very_sparse", false) ? 2 : Number(config.flag("sparse", false)),
        dropout: config.number("randlora_dropout", 0, dropout.min, dropout.max),
      };
      return { settings, seed: config.count("projection_prng_key", 0) };
    },
    shared: {
      keys: ["randlora_A", "randlora_B"],
      write(shared, { rank }, layers) {
        const { MN, MX } = extent(layers);
        const { A, B } = unpackBases(shared as StoredBases, rank, MN);
        return new Map([
          ["randlora_A", { shape: [rank, 1, MN], data: A }],
          ["randlora_B", { shape: [MX, Math.ceil(MN / rank), rank], data: B }],
        ]);
      },
      read(tensors, { rank }, layers) {
        const { MN, MX } = extent(layers);
        const take = (key: string, shape: readonly number[]) => expectShape(tensors.get(key), key, shape).data;
        return packBases({ A: take("randlora_A", [rank, 1, MN]), B: take("randlora_B", [MX, Math.ceil(MN / rank), rank]) }, rank);
      },
    },
  },
});

export default randlora;

import { type ConfigFields, NEUTRAL_LORA } from "../formats/config.ts";
import { counter, defineAdapter, dropoutField, leastSide, nearest, type Settings, type SiteShape } from "./adapter.ts";

/** Fields and tensors of the methods whose update is gain · B · A with A (r, in) and B (out, r): A uniform in ±1/√in, B zero. */
export const loraFields = {
  rank: {
    label: "Rank r",
    help: "The wall: no update of a layer can have a higher rank. 4 to 64 is usual.",
    default: 32,
    min: 1,
    max: 1024,
    step: 1,
  },
  alpha: {
    label: "Alpha α",
    help: "The update is multiplied by α / r. Twice r is usual.",
    default: 64,
    min: 0.01,
    max: 100_000,
    step: 0.01,
    follows: "rank",
  },
  dropout: dropoutField,
};
type LoraSettings = Settings<typeof loraFields>;

export const loraShapes = (layer: SiteShape, rank: number) => ({ a: [rank, layer.in], b: [layer.out, rank] });

export const loraStart = (layer: SiteShape, rank: number, random: (index: number) => number) => ({
  a: Float32Array.from({ length: rank * layer.in }, (_, i) => (2 * random(i) - 1) / Math.sqrt(layer.in)),
  b: new Float32Array(layer.out * rank),
});

/** PEFT's names for these tensors and settings; the fields of adapter_config.json that tell the methods apart are the methods' own. */
export const loraParts = { a: "lora_A.weight", b: "lora_B.weight" };

export const writeLora = ({ rank, alpha, dropout }: LoraSettings, kind: { use_dora?: boolean; use_rslora?: boolean }) => ({
  alpha_pattern: {},
  exclude_modules: null,
  init_lora_weights: true,
  lora_alpha: alpha,
  lora_bias: false,
  lora_dropout: dropout,
  r: rank,
  rank_pattern: {},
  use_dora: false,
  use_rslora: false,
  ...kind,
});

export function readLora(config: ConfigFields): LoraSettings {
  config.neutral(NEUTRAL_LORA);
  const { rank, alpha, dropout } = loraFields;
  return {
    rank: config.number("r", config.count("r", 8, rank.min), rank.min, rank.max),
    alpha: config.number("lora_alpha", 8, alpha.min, alpha.max),
    dropout: config.number("lora_dropout", 0, dropout.min, dropout.max),
  };
}

/** ΔW = (α / r) · B · A, as in PEFT. */
const lora = defineAdapter({
  title: "LoRA",
  paper: "arXiv 2106.09685",
  does: "Learns two thin matrices for each layer; the update's rank is at most r.",
  family: "Low rank",
  mark: { light: "#0067b1", dark: "#5aaef0", dash: "none" },
  fields: loraFields,
  lr: 3e-3,
  trainable: (layer, { rank }) => loraShapes(layer, rank),
  init: (layer, { rank }, random) => loraStart(layer, rank, random),
  shared: () => ({}),
  stacks: true,
  inner: (_layer, { rank }) => rank,
  factors: ({ trainable }, _layer, { rank, alpha }) => [{ up: trainable.b, down: trainable.a, gain: alpha / rank }],
  match(layers, settings, budget) {
    const count = counter(lora, layers);
    const rank = nearest(1, Math.min(loraFields.rank.max, leastSide(layers)), budget, (r) => count({ ...settings, rank: r }));
    return { ...settings, rank, alpha: (settings.alpha * rank) / settings.rank };
  },
  peft: {
    type: "LORA",
    parts: loraParts,
    write: (settings) => writeLora(settings, {}),
    read(config) {
      if (config.flag("use_dora", false) || config.flag("use_rslora", false)) return undefined;
      return { settings: readLora(config), seed: 0 };
    },
  },
});

export default lora;

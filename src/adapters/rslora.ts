import { counter, defineAdapter, leastSide, nearest } from "./adapter.ts";
import { loraFields, loraParts, loraShapes, loraStart, readLora, writeLora } from "./lora.ts";

/** ΔW = (α / √r) · B · A: LoRA whose update does not shrink as the rank grows. */
const rslora = defineAdapter({
  title: "rsLoRA",
  paper: "arXiv 2312.03732",
  does: "LoRA whose update is divided by √r, so that it keeps its strength as r grows.",
  family: "Low rank",
  mark: { light: "#00728c", dark: "#4cc3dd", dash: "14 2" },
  fields: {
    ...loraFields,
    alpha: {
      label: loraFields.alpha.label,
      help: "The update is multiplied by α / √r, so one α serves all ranks. 8 at r = 32 is about LoRA's usual 2.",
      default: 8,
      min: loraFields.alpha.min,
      max: loraFields.alpha.max,
      step: loraFields.alpha.step,
    },
  },
  lr: 3e-3,
  trainable: (layer, { rank }) => loraShapes(layer, rank),
  init: (layer, { rank }, random) => loraStart(layer, rank, random),
  shared: () => ({}),
  stacks: true,
  inner: (_layer, { rank }) => rank,
  factors: ({ trainable }, _layer, { rank, alpha }) => [{ up: trainable.b, down: trainable.a, gain: alpha / Math.sqrt(rank) }],
  match(layers, settings, budget) {
    const count = counter(rslora, layers);
    return {
      ...settings,
      rank: nearest(1, Math.min(loraFields.rank.max, leastSide(layers)), budget, (rank) => count({ ...settings, rank })),
    };
  },
  peft: {
    type: "LORA",
    parts: loraParts,
    write: (settings) => writeLora(settings, { use_rslora: true }),
    read(config) {
      if (config.flag("use_dora", false) || !config.flag("use_rslora", false)) return undefined;
      return { settings: readLora(config), seed: 0 };
    },
  },
});

export default rslora;

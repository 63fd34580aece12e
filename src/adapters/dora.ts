import { divide } from "../ops/divide.ts";
import { rownorm } from "../ops/rownorm.ts";
import { detach } from "../tensor/tensor.ts";
import { counter, defineAdapter, leastSide, nearest } from "./adapter.ts";
import { loraFields, loraParts, loraShapes, loraStart, readLora, writeLora } from "./lora.ts";

/**
 * W_eff = m ⊙ (W + ΔW) / ‖W + ΔW‖, by rows (out), with LoRA's ΔW = (α / r) · B · A. As in PEFT the norm counts as a constant
 * in the gradient (paper §4.3), m begins as the norms of W, and the layer's bias is not scaled.
 */
const dora = defineAdapter({
  title: "DoRA",
  paper: "arXiv 2402.09353",
  does: "LoRA for the direction of each row, and its size learned apart.",
  family: "Low rank",
  mark: { light: "#6a4fb3", dark: "#ab98ee", dash: "12 4" },
  fields: loraFields,
  lr: 3e-3,
  trainable: (layer, { rank }) => ({ ...loraShapes(layer, rank), magnitude: [layer.out] }),
  init: (layer, { rank }, random) => ({ ...loraStart(layer, rank, random), magnitude: new Float32Array(layer.out) }),
  prime: (tape, weight) => ({ magnitude: tape.apply(rownorm, { x: weight }, {}) }),
  shared: () => ({}),
  stacks: true,
  inner: (_layer, { rank }) => rank,
  factors: ({ trainable }, _layer, { rank, alpha }) => [{ up: trainable.b, down: trainable.a, gain: alpha / rank }],
  rowScale: ({ tape, trainable }, merged) =>
    tape.apply(divide, { a: trainable.magnitude, b: tape.apply(rownorm, { x: detach(merged) }, {}) }, {}),
  match(layers, settings, budget) {
    const count = counter(dora, layers);
    const rank = nearest(1, Math.min(loraFields.rank.max, leastSide(layers)), budget, (r) => count({ ...settings, rank: r }));
    return { ...settings, rank, alpha: (settings.alpha * rank) / settings.rank };
  },
  peft: {
    type: "LORA",
    parts: { ...loraParts, magnitude: "lora_magnitude_vector" },
    write: (settings) => writeLora(settings, { use_dora: true }),
    read(config) {
      if (!config.flag("use_dora", false)) return undefined;
      const settings = readLora(config);
      // With rsLoRA's gain α / √r the same update is DoRA's with √r times the α.
      const alpha = settings.alpha * (config.flag("use_rslora", false) ? Math.sqrt(settings.rank) : 1);
      return { settings: { ...settings, alpha }, seed: 0 };
    },
  },
});

export default dora;

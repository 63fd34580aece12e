import { countParameters, defineAdapter, nearest } from "./adapter.ts";

/** ΔW = (α / r) · B · A with A (r, in) and B (out, r), as in PEFT: A uniform in ±1/√in, B zero. */
const lora = defineAdapter({
  title: "LoRA",
  paper: "arXiv 2106.09685",
  fields: {
    rank: {
      label: "Rank r",
      help: "The wall: no update of a layer can have a higher rank. 4 to 64 is usual.",
      default: 32,
      min: 1,
      max: 192,
      step: 1,
    },
    alpha: { label: "Alpha α", help: "The update is multiplied by α / r. Twice r is usual.", default: 64, min: 1, max: 512, step: 1 },
  },
  lr: 3e-3,
  trainable: (layer, { rank }) => ({ a: [rank, layer.in], b: [layer.out, rank] }),
  init: (layer, { rank }, random) => ({
    a: Float32Array.from({ length: rank * layer.in }, (_, i) => (2 * random(i) - 1) / Math.sqrt(layer.in)),
    b: new Float32Array(layer.out * rank),
  }),
  shared: () => ({}),
  inner: (_layer, { rank }) => rank,
  factors: ({ trainable }, _layer, { rank, alpha }) => ({ up: trainable.b, down: trainable.a, gain: alpha / rank }),
  match(layers, settings, budget) {
    const rank = nearest(1, 192, budget, (r) => countParameters(lora, layers, { ...settings, rank: r }));
    return { rank, alpha: (settings.alpha * rank) / settings.rank };
  },
});

export default lora;

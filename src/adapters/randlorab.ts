import { counter, defineAdapter } from "./adapter.ts";
import { nearestRank, randloraFields, scaledBases } from "./randlora.ts";

/** RandLoRA with the first half of its bases, n = ⌈d / 2r⌉: the ablation whose update has half the full rank (§6.3). */
const randlorab = defineAdapter({
  title: "RandLoRA-b",
  paper: "arXiv 2502.00987",
  does: "RandLoRA with half of its pieces, and half of the full rank.",
  family: "Random bases",
  mark: { light: "#b23a48", dark: "#ff9d8a", dash: "5 2" },
  fields: {
    ...randloraFields,
    rank: {
      ...randloraFields.rank,
      help: "Lower r means more bases and more parameters; the update has half the full rank. 1 to 16.",
      default: 1,
    },
    alpha: { ...randloraFields.alpha, default: 10 },
  },
  lr: 1e-3,
  ...scaledBases((d, rank) => Math.ceil(d / (2 * rank))),
  match(layers, settings, budget) {
    const count = counter(randlorab, layers);
    const rank = nearestRank(layers, budget, (r) => count({ ...settings, rank: r }));
    return { ...settings, rank, alpha: (settings.alpha * rank) / settings.rank };
  },
});

export default randlorab;

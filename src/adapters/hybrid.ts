import { matmul } from "../ops/matmul.ts";
import { counter, defineAdapter, dropoutField, leastSide, nearest, type Settings } from "./adapter.ts";
import { loraFields, loraShapes, loraStart } from "./lora.ts";
import { nearestRank, randloraFields, scaledBases } from "./randlora.ts";

const rest = scaledBases((d, rank) => Math.ceil(d / rank));

const fields = {
  rank: {
    ...loraFields.rank,
    label: "LoRA's rank",
    help: "Directions that LoRA learns freely. A few; matching parameters keeps its share of them.",
    default: 8,
  },
  alpha: { ...loraFields.alpha, label: "LoRA's α", help: "Its part is multiplied by α / rank. Twice the rank is usual.", default: 16 },
  basisRank: {
    ...randloraFields.rank,
    label: "RandLoRA's r",
    help: "Lower r means more bases and more parameters for the rest; it has full rank at any r.",
    default: 4,
  },
  basisAlpha: {
    ...randloraFields.alpha,
    label: "RandLoRA's α",
    help: "Its part is multiplied by α / r. Ten times r is a careful start.",
    default: 40,
    follows: "basisRank",
  },
  bases: randloraFields.bases,
  dropout: dropoutField,
};
type Given = Settings<typeof fields>;
const ofRest = ({ basisRank: rank, basisAlpha: alpha, bases }: Given) => ({ rank, alpha, bases });

/**
 * ΔW = (α / rank) · B · A + RandLoRA's update: LoRA for the leading directions, random bases of full rank for all that is left.
 * The combination that the RandLoRA paper names as future work (§6.6); the split of the parameters is the user's.
 */
const hybrid = defineAdapter({
  title: "LoRA + RandLoRA",
  paper: "ours, after arXiv 2502.00987 §6.6",
  does: "A few directions that are learned freely, and a random rest of full rank.",
  family: "Ours",
  mark: { light: "#5c7a00", dark: "#b5d154", dash: "12 3 5 3" },
  fields,
  lr: 1e-3,
  trainable: (layer, settings) => ({ ...loraShapes(layer, settings.rank), ...rest.trainable(layer, ofRest(settings)) }),
  init: (layer, settings, random) => ({ ...loraStart(layer, settings.rank, random), ...rest.init(layer, ofRest(settings)) }),
  shared: (layers, settings, seed) => rest.shared(layers, ofRest(settings), seed),
  inner: (layer, settings) => settings.rank + rest.inner(layer, ofRest(settings)),
  factors: (parts, layer, settings) => [
    { up: parts.trainable.b, down: parts.trainable.a, gain: settings.alpha / settings.rank },
    ...rest.factors(parts, layer, ofRest(settings)),
  ],
  merge: (parts, weight, layer, settings) =>
    parts.tape.apply(
      matmul,
      { a: parts.trainable.b, b: parts.trainable.a, add: rest.merge(parts, weight, layer, ofRest(settings)) },
      { alpha: settings.alpha / settings.rank },
    ),
  match(layers, settings, budget) {
    const lora = counter({ trainable: (layer, { rank = 1 }) => loraShapes(layer, rank) }, layers);
    const random = counter({ trainable: (layer, given) => rest.trainable(layer, { ...ofRest(settings), ...given }) }, layers);
    const [now, others] = [lora({ rank: settings.rank }), random({ rank: settings.basisRank })];
    const share = others / Math.max(1, now + others);
    const basisRank = nearestRank(layers, budget * share, (rank) => random({ rank }));
    // LoRA's rank is the finer of the two: it takes up what the number of bases leaves over.
    const rank = nearest(1, Math.min(loraFields.rank.max, leastSide(layers)), budget - random({ rank: basisRank }), (r) =>
      lora({ rank: r }),
    );
    return {
      ...settings,
      rank,
      alpha: (settings.alpha * rank) / settings.rank,
      basisRank,
      basisAlpha: (settings.basisAlpha * basisRank) / settings.basisRank,
    };
  },
});

export default hybrid;

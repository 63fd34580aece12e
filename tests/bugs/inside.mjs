/** Bugs in what is looked into after a run: answers, attention and embeddings; told as in `kernels.mjs`. */
const inside = (name) => ({ file: "tests/inside.test.ts", name });
const attention = (name) => ({ file: "tests/attention.test.ts", name });
const projection = (name) => ({ file: "tests/projection.test.ts", name });

export const insides = [
  [
    "confusion: rows are predicted classes",
    "src/analysis/confusion.ts",
    "(counts[label * classes + answer] as number)++",
    "(counts[answer * classes + label] as number)++",
    inside("rows are true classes"),
  ],
  [
    "confusion: the mean counts classes that never occur",
    "src/analysis/confusion.ts",
    "Number((support[label] as number) + (taken[label] as number) > 0)",
    "1",
    inside("scikit-learn"),
  ],
  [
    "confusion: one of equal mistakes is picked out",
    "src/ui/inside/words.ts",
    "worst.filter((mixup) => mixup.images === first.images)",
    "[first]",
    inside("no pair of classes is picked out"),
  ],
  [
    "answers: a renamed class is not noticed",
    "src/store/inside.ts",
    "name !== run.classes[label]",
    "name === undefined",
    inside("keep the names"),
  ],
  [
    "mistakes: of all lanes the surest decides",
    "src/analysis/mistakes.ts",
    "Math.min(...lanes.map",
    "Math.max(...lanes.map",
    inside("of one lane the surest first"),
  ],
  [
    "answers: those of the validation are taken for the test's images",
    "src/store/inside.ts",
    "const images = split[part];",
    "const images = split.validation;",
    inside("the newest validation"),
  ],
  [
    "attention: registers are taken for patches",
    "src/train/attention.ts",
    "tokens * stride + special + (i % patches)",
    "tokens * stride + 1 + (i % patches)",
    attention("registers"),
  ],
  ["attention: many weights are not kept", "src/ops/attention.ts", "(cfg.keep || size.stride", "(size.stride", attention("registers")],
  ["rollout: blocks from the first on", "src/train/attention.ts", "of blocks.toReversed()", "of blocks", attention("ViT each head")],
  ["rollout: without the residual stream", "src/train/attention.ts", "(share) => share / 2", "() => 0", attention("ViT each head")],
  [
    "embeddings: the last batch's padding is read",
    "src/train/embedding.ts",
    "images.subarray(first, first + batch.size)",
    "images.subarray(0, batch.size)",
    attention("embeds images"),
  ],
  ["pca: points are not centred", "src/analysis/pca.ts", 'points.subRowVector(points.mean("column"));', "", projection("NumPy")],
  [
    "umap: another order of random numbers",
    "src/analysis/projection.ts",
    "uniform(seed, 0x756d6170, drawn++)",
    "Math.random()",
    projection("UMAP"),
  ],
  [
    "neighbours: an image votes for itself",
    "src/analysis/neighbours.ts",
    "if (other === row) continue;",
    "",
    projection("never for themselves"),
  ],
];

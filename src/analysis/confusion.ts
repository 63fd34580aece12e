/** What a classifier mixes up: images by true and predicted class, and the scores of each class that follow. */

export interface Confusion {
  readonly classes: number;
  /** (classes, classes) How many images of the row's class were taken for the column's. */
  readonly counts: Uint32Array;
  /** (classes) Images of each class. */
  readonly support: Uint32Array;
  /** (classes) Images that were taken for each class. */
  readonly taken: Uint32Array;
}

/** A cell beside the diagonal. */
export interface Mixup {
  readonly truth: number;
  readonly predicted: number;
  readonly images: number;
  /** Of the images of the true class. */
  readonly share: number;
}

/** Throws when the lengths differ. */
export function confusionOf(truth: Uint32Array, predicted: Uint32Array, classes: number): Confusion {
  if (truth.length !== predicted.length) throw new Error(`confusionOf: ${truth.length} images, ${predicted.length} answers.`);
  const [counts, support, taken] = [new Uint32Array(classes * classes), new Uint32Array(classes), new Uint32Array(classes)];
  truth.forEach((label, i) => {
    const answer = predicted[i] as number;
    (counts[label * classes + answer] as number)++;
    (support[label] as number)++;
    (taken[answer] as number)++;
  });
  return { classes, counts, support, taken };
}

/** All cells beside the diagonal that hold images, the fullest first, then those with the larger share of their class. */
export function mixups({ classes, counts, support }: Confusion): Mixup[] {
  const found: Mixup[] = [];
  counts.forEach((images, at) => {
    const [truth, predicted] = [Math.floor(at / classes), at % classes];
    if (images > 0 && truth !== predicted) found.push({ truth, predicted, images, share: images / (support[truth] as number) });
  });
  return found.sort((a, b) => b.images - a.images || b.share - a.share);
}

/** Labels by how many mistakes they take part in, the most first. */
export function byMistakes({ classes, counts, support, taken }: Confusion): number[] {
  const wrong = (label: number) => (support[label] as number) + (taken[label] as number) - 2 * (counts[label * classes + label] as number);
  return Array.from({ length: classes }, (_, label) => label).sort((a, b) => wrong(b) - wrong(a) || a - b);
}

export interface Scores {
  /** Of the images taken for the class, the share that is of it. */
  readonly precision: number;
  /** Of the images of the class, the share that was found. */
  readonly recall: number;
  /** Harmonic mean of the two. */
  readonly f1: number;
  /** Images of the class. */
  readonly support: number;
}

export interface ClassScores {
  /** By label. */
  readonly classes: readonly Scores[];
  /** The mean over the classes that occur, as truth or as answer. */
  readonly macro: Scores;
  /** The mean over the classes, each weighted by its images. */
  readonly weighted: Scores;
}

/** As scikit-learn's classification_report with zero_division=0: what would be 0 / 0 counts as 0. */
export function classScores({ classes, counts, support, taken }: Confusion): ClassScores {
  const all = Array.from({ length: classes }, (_, label): Scores => {
    const hits = counts[label * classes + label] as number;
    const [own, answers] = [support[label] as number, taken[label] as number];
    const share = (part: number, whole: number) => (whole > 0 ? part / whole : 0);
    return { precision: share(hits, answers), recall: share(hits, own), f1: share(2 * hits, own + answers), support: own };
  });
  const images = support.reduce((sum, n) => sum + n, 0);
  const mean = (weight: (label: number) => number): Scores => {
    const weights = all.map((_, label) => weight(label));
    const whole = weights.reduce((sum, w) => sum + w, 0);
    const of = (name: "precision" | "recall" | "f1") =>
      whole > 0 ? all.reduce((sum, scores, label) => sum + scores[name] * (weights[label] as number), 0) / whole : 0;
    return { precision: of("precision"), recall: of("recall"), f1: of("f1"), support: images };
  };
  return {
    classes: all,
    macro: mean((label) => Number((support[label] as number) + (taken[label] as number) > 0)),
    weighted: mean((label) => support[label] as number),
  };
}

/** Which lane did better and whether that means anything, from the newest measurement. */
import { accuracyInterval, comparePaired, describeComparison } from "../analysis/compare.ts";
import type { Answers } from "../train/run.ts";
import type { RunState } from "./run.ts";

export interface Score {
  readonly accuracy: number;
  /** Half the width of the 95 % interval. */
  readonly margin: number;
  readonly correct: number;
  readonly images: number;
}

export function scoreOf(correct: number, images: number): Score {
  const [low, high] = accuracyInterval(correct, images);
  return { accuracy: images > 0 ? correct / images : Number.NaN, margin: (high - low) / 2, correct, images };
}

/** Per lane, of the newest measurement; empty before the first. */
export function latestScores({ answers }: Pick<RunState, "answers">): readonly Score[] {
  return answers?.lanes.map(({ correct, answers: { predicted } }) => scoreOf(correct, predicted.length)) ?? [];
}

/** One byte for each image: 1 where the answer was the image's class. `images` are those that were asked, `labels` the dataset's. */
export function hitsOf({ predicted }: Answers, images: Uint32Array, labels: Uint32Array): Uint8Array {
  return Uint8Array.from(predicted, (label, i) => Number(label === labels[images[i] ?? -1]));
}

export interface Verdict {
  readonly statement: string;
  /** Images that one lane, and only it, got right. */
  readonly onlyFirst: number;
  readonly onlyOther: number;
  readonly images: number;
  readonly p: number;
}

/** The first lane against each other lane, on the same images. */
export function judge(hits: readonly Uint8Array[], names: readonly string[]): readonly Verdict[] {
  const [first, ...others] = hits;
  if (!first) return [];
  return others
    .filter((other) => other.length === first.length)
    .map((other, index) => {
      const compared = comparePaired(first, other);
      const statement = describeComparison(names[0] ?? "The first", names[index + 1] ?? "the other", compared);
      return { statement, onlyFirst: compared.onlyA, onlyOther: compared.onlyB, images: compared.images, p: compared.p };
    });
}

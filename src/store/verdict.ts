/** Which lane did better and whether that means anything, from the newest validation. */
import { accuracyInterval, comparePaired, describeComparison } from "../analysis/compare.ts";
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

/** Per lane; empty before the first validation. */
export function latestScores({ validations }: Pick<RunState, "validations">): readonly Score[] {
  const last = validations.at(-1);
  return last?.lanes.map(({ correct }) => scoreOf(correct, last.images)) ?? [];
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

/** Which lane did better and whether that means anything, from the newest measurements. */
import { accuracyInterval, describeComparison } from "../analysis/compare.ts";
import type { Judgement, Measured, Pair } from "../analysis/judge.ts";
import { hasDiverged, hitsIn, type SeedResult, type Tested } from "./record.ts";
import type { RunState } from "./run.ts";

/** The share of right answers, and half the width of its 95 % interval. */
export function scoreOf(correct: number, images: number): { readonly accuracy: number; readonly margin: number } {
  const [low, high] = accuracyInterval(correct, images);
  return { accuracy: images > 0 ? correct / images : Number.NaN, margin: (high - low) / 2 };
}

/** What a race has measured last, as one seed. */
export function measuredNow({ answers, split, dataset }: Pick<RunState, "answers" | "split" | "dataset">): Measured | null {
  if (!answers || !split || !dataset) return null;
  const labels = Uint32Array.from(split[answers.part], (image) => dataset.labels[image] ?? 0);
  return { labels, lanes: answers.lanes.map((lane) => [hitsIn(lane.answers, { labels })]) };
}

/** What several races have measured on the same images; null where they have not. */
export function measuredOver(tested: Tested | null, results: readonly SeedResult[]): Measured | null {
  const lanes = results[0]?.lanes.length ?? 0;
  if (!tested || lanes === 0) return null;
  return {
    labels: tested.labels,
    lanes: Array.from({ length: lanes }, (_, index) =>
      results.map(({ lanes }) => {
        const lane = lanes[index];
        if (!lane || hasDiverged(lane) || lane.score?.answers.predicted.length !== tested.labels.length) return null;
        return hitsIn(lane.score.answers, tested);
      }),
    ),
  };
}

export interface Verdict {
  readonly statement: string;
  /** Two sentences. */
  readonly why: string;
  readonly pair: Pair;
}

/** The lane that is ahead against each other one; with three lanes and more, p values are corrected for all pairs. */
export function verdictsOf({ lanes, pairs }: Judgement, names: readonly string[], part: Tested["part"]): readonly Verdict[] {
  const best = lanes.reduce<number>((best, lane, index) => ((lane?.accuracy ?? -1) > (lanes[best]?.accuracy ?? -1) ? index : best), 0);
  const name = (lane: number): string => names[lane] ?? `Lane ${lane + 1}`;
  return pairs
    .filter(({ a, b }) => a === best || b === best)
    .map((pair) => {
      const { a, b, compared } = pair;
      return {
        statement: describeComparison(name(a), name(b), compared, { part, comparisons: pairs.length }),
        why: whyOf(name(a), name(b), pair, pairs.length),
        pair,
      };
    });
}

function whyOf(nameA: string, nameB: string, { compared: { images, seeds, onlyA, onlyB } }: Pair, comparisons: number): string {
  const corrected = comparisons > 1 ? `, corrected for ${comparisons} comparisons (Holm)` : "";
  const counts = `both answered the same ${images} images: ${onlyA} answers were right only by ${nameA}, ${onlyB} only by ${nameB}`;
  if (seeds > 1)
    return `Under ${seeds} seeds ${counts}. p says how often chance alone would set them as far apart, other images and other seeds both counted; it is the greater of a sign-flip test over images and a t test over images and seeds${corrected}.`;
  return `${counts.replace("both", "Both")}. p says how often chance alone would split them so unevenly (McNemar, exact${corrected}); it speaks of these trained models on images like these, and another seed may end differently.`;
}

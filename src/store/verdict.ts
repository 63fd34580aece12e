/** Which lane did better and whether that means anything, from the newest measurements. */
import { accuracyInterval, describeComparison, describeLead, LEVEL } from "../analysis/compare.ts";
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
  /** Of the lane that the others are compared with. */
  readonly lead: string;
  /** The statement where several stand together, said of that lane. */
  readonly brief: string;
  /** A plain sentence, and what it rests on. */
  readonly why: string;
  readonly pair: Pair;
}

/** The lanes with the best accuracy; none where all have the same, or there is nobody to compare with. */
export function leadersOf({ lanes }: Judgement): readonly number[] {
  const known = [...lanes.keys()].filter((lane) => lanes[lane]);
  const best = Math.max(...known.map((lane) => lanes[lane]?.accuracy ?? 0));
  const leaders = known.filter((lane) => lanes[lane]?.accuracy === best);
  return leaders.length < known.length ? leaders : [];
}

/** The lane that is ahead against each other one; with three lanes and more, p values are corrected for all pairs. */
export function verdictsOf(judgement: Judgement, names: readonly string[], part: Tested["part"]): readonly Verdict[] {
  const { pairs } = judgement;
  return pairsOf(judgement).map(({ other, pair }) => {
    const { a, b, compared } = pair;
    return {
      statement: describeComparison(nameIn(names, a), nameIn(names, b), compared, { part, comparisons: pairs.length }),
      lead: nameIn(names, other === a ? b : a),
      brief: describeLead(nameIn(names, other), compared, part),
      why: whyOf(nameIn(names, a), nameIn(names, b), pair, pairs.length),
      pair,
    };
  });
}

/** Who is ahead and whether that is sure, in one line; null where nothing was compared. */
export function headlineOf(judgement: Judgement, names: readonly string[]): string | null {
  const rivals = pairsOf(judgement).filter(({ pair }) => pair.compared.images > 0);
  if (rivals.length === 0) return null;
  const leaders = leadersOf(judgement);
  const list = (lanes: readonly number[]): string => LIST.format(lanes.map((lane) => nameIn(names, lane)));
  const [first] = rivals;
  if (leaders.length === 0)
    return rivals.length > 1 ? "All methods are level." : `${list(first ? [first.pair.a, first.pair.b] : [])} are level.`;
  const behind = rivals.filter(({ other }) => !leaders.includes(other));
  const unsure = behind.filter(({ pair }) => pair.compared.p >= LEVEL).map(({ other }) => other);
  const ahead = leaders.length > 1 ? `${list(leaders)} are level and ahead` : `${list(leaders)} is ahead`;
  if (unsure.length === 0) return `${ahead}, by more than chance gives.`;
  if (unsure.length === behind.length) return `${ahead}, but that may be chance.`;
  return `${ahead}; the lead over ${list(unsure)} may be chance.`;
}

const LIST = new Intl.ListFormat("en-GB");

/** The comparisons of the lane that is ahead, or of the first one. */
function pairsOf(judgement: Judgement): readonly { readonly other: number; readonly pair: Pair }[] {
  const { lanes, pairs } = judgement;
  const leader = leadersOf(judgement)[0] ?? lanes.findIndex((lane) => lane !== null);
  return pairs.filter(({ a, b }) => a === leader || b === leader).map((pair) => ({ other: pair.a === leader ? pair.b : pair.a, pair }));
}

const nameIn = (names: readonly string[], lane: number): string => names[lane] ?? `Lane ${lane + 1}`;

function whyOf(nameA: string, nameB: string, { compared: { images, seeds, onlyA, onlyB, p } }: Pair, comparisons: number): string {
  const often =
    p >= LEVEL ? "Chance alone would easily set them as far apart as that." : "Chance alone would seldom set them so far apart.";
  const corrected = comparisons > 1 ? `, corrected for ${comparisons} comparisons (Holm)` : "";
  const counts = `both answered the same ${images} images: ${onlyA} answers were right only by ${nameA}, ${onlyB} only by ${nameB}`;
  if (seeds > 1)
    return `${often} Under ${seeds} seeds ${counts}. p says how often chance alone would set them as far apart, other images and other seeds both counted; it is the greater of a sign-flip test over images and a t test over images and seeds${corrected}.`;
  return `${often} ${counts.replace("both", "Both")}. p says how often chance alone would split them so unevenly (McNemar, exact${corrected}); it speaks of these trained models on images like these, and another seed may end differently.`;
}

/** What a race, or several under other seeds, showed: every method's accuracy with its interval, and every two methods compared. */
import { comparePaired, holm, type PairedComparison } from "./compare.ts";
import { balancedAccuracy, bootstrapAccuracy } from "./resample.ts";

export interface Measured {
  /** (images) The class of each image. */
  readonly labels: Uint32Array;
  /** [lane][seed] (images): 1 where the answer was right. Null where the lane has no result under that seed. */
  readonly lanes: readonly (readonly (Uint8Array | null)[])[];
}

export interface LaneJudgement {
  readonly seeds: number;
  /** 0 … 1, mean over the seeds, and its 95 % interval. */
  readonly accuracy: number;
  readonly low: number;
  readonly high: number;
  /** Mean recall of the classes, mean over the seeds. */
  readonly balanced: number;
}

export interface Pair {
  /** Lanes. */
  readonly a: number;
  readonly b: number;
  /** On the seeds that both have; p is corrected for the number of pairs. */
  readonly compared: PairedComparison;
}

export interface Judgement {
  /** By lane; null without a result. */
  readonly lanes: readonly (LaneJudgement | null)[];
  readonly pairs: readonly Pair[];
}

export function judge({ labels, lanes }: Measured): Judgement {
  const pairs = lanes.flatMap((own, a) =>
    lanes.slice(a + 1).flatMap((other, next) => {
      const shared = own.flatMap((hits, seed) => (hits && other[seed] ? [[hits, other[seed]] as const] : []));
      if (shared.length === 0) return [];
      const compared = comparePaired(
        shared.map(([hits]) => hits),
        shared.map(([, hits]) => hits),
      );
      return [{ a, b: a + 1 + next, compared }];
    }),
  );
  const corrected = holm(pairs.map(({ compared }) => compared.p));
  return {
    lanes: lanes.map((seeds) =>
      judgeLane(
        seeds.filter((hits) => hits !== null),
        labels,
      ),
    ),
    pairs: pairs.map((pair, index) => ({ ...pair, compared: { ...pair.compared, p: corrected[index] as number } })),
  };
}

function judgeLane(seeds: readonly Uint8Array[], labels: Uint32Array): LaneJudgement | null {
  if (seeds.length === 0) return null;
  const mean = (of: (hits: Uint8Array) => number): number => seeds.reduce((sum, hits) => sum + of(hits), 0) / seeds.length;
  const [low, high] = bootstrapAccuracy(seeds);
  return {
    seeds: seeds.length,
    accuracy: mean((hits) => hits.reduce((sum, hit) => sum + hit, 0) / hits.length),
    low,
    high,
    balanced: mean((hits) => balancedAccuracy(hits, labels)),
  };
}

/** The ranks of a lane's layers over time, kept small: what the heat map draws. */
import type { LayerRank } from "../train/run.ts";

/** A layer's rank at one step, without its spectrum. */
export type RankThen = Omit<LayerRank, "singularValues">;

export interface RankMoment {
  readonly step: number;
  readonly layers: readonly RankThen[];
}

/** More columns than this cannot be told apart, and a long run must not fill the memory. */
export const MOMENTS = 96;

/** The history with one moment more, in place of one of the same step. A full one gives every second up, but not its first. */
export function remember(
  history: readonly RankMoment[],
  { step, layers }: { readonly step: number; readonly layers: readonly LayerRank[] },
): readonly RankMoment[] {
  const moment = { step, layers: layers.map(({ singularValues: _, ...rank }) => rank) };
  const earlier = history.filter((one) => one.step < step);
  const kept = earlier.length < MOMENTS ? earlier : earlier.filter((_, index) => index % 2 === 0);
  return [...kept, moment];
}

/** What the heat map can show of a layer. */
export type RankMeasure = "effective" | "stable" | "above";

/** NaN where the update is zero or not finite: it has no rank, which is not a rank of 0. */
export function measured(rank: RankThen | undefined, measure: RankMeasure): number {
  if (!rank || !Number.isFinite(rank.effectiveRank)) return Number.NaN;
  return measure === "effective" ? rank.effectiveRank : measure === "stable" ? rank.stableRank : rank.above1Percent;
}

/** What a lane came to over the seeds of a run: the numbers of the final table. */
import type { Memory } from "../train/run.ts";
import { hasDiverged, type LaneFacts, type LaneResult, type SeedResult } from "./record.ts";
import { changesNoMatrix, meanRank } from "./run.ts";

export interface LaneFigures {
  readonly parameters: number | null;
  readonly exported: LaneFacts["exported"] | null;
  readonly memory: Memory["lanes"][number] | null;
  /** Means over the seeds that came to their end. */
  readonly before: number | null;
  /** Of which images `before` is: of those that the result is measured on, or of the validation images where no more is known. */
  readonly beforeOn: "tested" | "validation";
  readonly msPerStep: number | null;
  readonly loss: number | null;
  readonly effectiveRank: number | null;
  readonly above1Percent: number | null;
  /** BitFit and a linear probe have no ΔW whose rank could be asked for. */
  readonly changesNothing: boolean;
  /** Under which seeds it diverged, and when. */
  readonly diverged: readonly { readonly seed: number; readonly step: number }[];
}

/** By lane. */
export function figuresOf(results: readonly SeedResult[], facts: readonly (LaneFacts | null)[]): readonly LaneFigures[] {
  const tested = mean(results.map(({ before }) => before ?? null));
  return facts.map((known, index) => {
    const own = results.flatMap(({ lanes }): LaneResult[] => {
      const lane = lanes[index];
      return lane && !hasDiverged(lane) ? [lane] : [];
    });
    const ranks = own.map(({ layers }) => meanRank({ rank: { step: 0, layers } }));
    return {
      parameters: known?.parameters ?? null,
      exported: known?.exported ?? null,
      memory: known?.memory ?? null,
      before: tested ?? mean(results.map(({ validations }) => validations.find(({ step }) => step === 0)?.lanes[index]?.accuracy ?? null)),
      beforeOn: tested === null ? "validation" : "tested",
      msPerStep: mean(own.map(({ msPerStep }) => msPerStep)),
      loss: mean(own.map(({ score }) => score?.loss ?? null)),
      effectiveRank: mean(ranks.map((rank) => rank?.effective ?? null)),
      above1Percent: mean(ranks.map((rank) => rank?.above ?? null)),
      changesNothing: own.length > 0 && own.every(({ layers, fingerprint }) => fingerprint !== "" && changesNoMatrix({ step: 0, layers })),
      diverged: results.flatMap(({ seed, lanes }) => {
        const lane = lanes[index];
        return hasDiverged(lane) ? [{ seed, step: lane.diverged }] : [];
      }),
    };
  });
}

/** Of what is known; null where nothing is. */
function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

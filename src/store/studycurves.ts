/** The curves of several races as one: per lane the mean over the seeds, with a band. */
import { hasDiverged, type SeedResult } from "./record.ts";
import { type BandPoint, bandOf, type Line } from "./series.ts";

export interface LaneCurves {
  /** Smoothed loss of the batches. */
  readonly loss: readonly BandPoint[];
  readonly validationLoss: readonly BandPoint[];
  readonly accuracy: readonly BandPoint[];
}

/** By lane; of the races in which the lane came to its end. */
export function curvesOf(results: readonly SeedResult[], lanes: number): readonly LaneCurves[] {
  return Array.from({ length: lanes }, (_, lane) => {
    const own = results.filter((result) => !hasDiverged(result.lanes[lane]));
    const measured = (pick: (score: { readonly loss: number; readonly accuracy: number }) => number): readonly BandPoint[] =>
      bandOf(
        own.map(({ validations }) =>
          lineOf(
            validations.map(({ step, lanes: scores }) => {
              const score = scores[lane];
              return { step, value: score ? pick(score) : null };
            }),
          ),
        ),
      );
    return {
      loss: bandOf(own.map(({ points }) => lineOf(points.map(({ step, smooth }) => ({ step, value: smooth[lane] ?? null }))))),
      validationLoss: measured(({ loss }) => loss),
      accuracy: measured(({ accuracy }) => accuracy),
    };
  });
}

function lineOf(points: readonly { readonly step: number; readonly value: number | null }[]): Line {
  const known = points.filter(({ value }) => value !== null && Number.isFinite(value));
  return { steps: known.map(({ step }) => step), values: known.map(({ value }) => value as number) };
}

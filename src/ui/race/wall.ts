/** A layer's spectrum ready to draw: relative to its largest value, zeros on the floor, and where the wall is. */
import type { LayerRank } from "../../train/run.ts";
import type { Look } from "../look.ts";

/** Where zero is drawn on the log axis, as a share of the largest. */
export const FLOOR = 1e-8;
/** Float32 arithmetic leaves dust of about this size where the exact value is zero. */
const DUST = 1e-6;

export interface Spectrum extends Look {
  /** σ / σ₁, descending, `FLOOR` for zero. */
  readonly values: readonly number[];
  /** σ₁ */
  readonly largest: number;
  /** How many are not zero. */
  readonly wall: number;
  readonly effective: number;
  readonly stable: number;
  readonly above: number;
}

/** Undefined while the update is zero. */
export function spectrumOf(layer: LayerRank): Omit<Spectrum, keyof Look> | undefined {
  const largest = layer.singularValues[0] ?? 0;
  if (!(largest > 0)) return undefined;
  const values = Array.from(layer.singularValues, (value) => (value > DUST * largest ? value / largest : FLOOR));
  return {
    values,
    largest,
    wall: values.filter((value) => value > FLOOR).length,
    effective: layer.effectiveRank,
    stable: layer.stableRank,
    above: layer.above1Percent,
  };
}

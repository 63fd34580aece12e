/** A layer's spectrum ready to draw: relative to its largest value, zeros on the floor, and where the wall is. */
import { FLOOR } from "../../analysis/spectrum.ts";
import type { LayerRank } from "../../train/run.ts";
import type { Look } from "../look.ts";
import type { Falling } from "./directions.tsx";

/** Float32 arithmetic leaves dust of about this size where the exact value is zero. */
const DUST = 1e-6;

export interface Spectrum extends Falling {
  /** σ₁ */
  readonly largest: number;
  /** How many there are before the wall; all of them where there is none. */
  readonly wall: number;
  readonly effective: number;
  readonly stable: number;
  readonly above: number;
}

/**
 * Where the singular values fall into the dust at once. A full spectrum fades, and its last one or two may be as small as
 * dust: that is no wall.
 */
function wallOf(shares: readonly number[]): number {
  const first = shares.findIndex((share) => share <= DUST);
  const before = shares[first - 1] ?? 0;
  const falls = first > 0 && first < 0.98 * shares.length && before > 30 * (shares[first] ?? 0);
  return falls ? first : shares.length;
}

/** Undefined while the update is zero. */
export function spectrumOf(layer: LayerRank): Omit<Spectrum, keyof Look | "truth"> | undefined {
  const largest = layer.singularValues[0] ?? 0;
  if (!(largest > 0)) return undefined;
  const shares = Array.from(layer.singularValues, (value) => value / largest);
  const wall = wallOf(shares);
  return {
    values: shares.map((share, i) => (i < wall ? Math.max(share, FLOOR) : FLOOR)),
    largest,
    wall,
    effective: layer.effectiveRank,
    stable: layer.stableRank,
    above: layer.above1Percent,
  };
}

/** What the lanes say of a moving picture: answers that do not flicker. */
import type { Prediction } from "../train/run.ts";

/** Of the newest frame in the bars; the rest is what they showed before. */
export const NEWEST = 0.4;
/** Milliseconds from one frame that is asked about to the next, at least. */
export const FRAME_MS = 250;

/** An exponential mean over frames, class by class. A prediction of other lanes or classes begins anew. */
export function smooth(before: Prediction | null, now: Prediction): Prediction {
  if (!before || before.lanes.length !== now.lanes.length) return now;
  const mix = (old: Float32Array | undefined, fresh: Float32Array) =>
    old?.length === fresh.length ? fresh.map((share, i) => NEWEST * share + (1 - NEWEST) * (old[i] as number)) : fresh;
  return {
    lanes: now.lanes.map((lane, i) => mix(before.lanes[i], lane)),
    ...(now.before && { before: mix(before.before, now.before) }),
  };
}

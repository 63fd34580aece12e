/** The learning rate over a run. */
import type { RunConfig } from "./run.ts";

/**
 * Rises linearly over the first `warmup` share of the steps, then falls to zero along a cosine.
 * `step` counts from 1 to `steps`; the first step already learns and so does the last.
 */
export function learningRate(peak: number, step: number, { steps, warmup }: Pick<RunConfig, "steps" | "warmup">): number {
  const rise = Math.floor(warmup * steps);
  if (step <= rise) return (peak * step) / rise;
  const progress = (step - 1 - rise) / Math.max(1, steps - rise);
  return (peak * (1 + Math.cos(Math.PI * progress))) / 2;
}

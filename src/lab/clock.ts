/** How long work takes on the GPU by the clock on the wall, which every browser has. */
import type { Gpu } from "../gpu/device.ts";

/** A round is this long, so that its begin and end do not count; a driver's watchdog is far away. */
const ROUND_MS = 50;
const ROUNDS = 5;
/** A second round of work that takes this long would say nothing new. */
const LONG_MS = 1000;

/**
 * Milliseconds of what `encode` records: the median over rounds of many, with one always queued ahead so that the GPU never waits.
 * Takes about a third of a second, or two runs where they are longer.
 */
export async function milliseconds(gpu: Gpu, encode: (encoder: GPUCommandEncoder) => void): Promise<number> {
  const { queue } = gpu.device;
  const submit = (repeats: number): Promise<number> => {
    const encoder = gpu.device.createCommandEncoder();
    for (let i = 0; i < repeats; i++) encode(encoder);
    queue.submit([encoder.finish()]);
    return queue.onSubmittedWorkDone().then(() => performance.now());
  };
  await submit(1); // whatever is only done once
  let repeats = 1;
  for (;;) {
    const start = performance.now();
    const ms = (await submit(repeats)) - start;
    if (ms > LONG_MS) return ms / repeats;
    if (ms > ROUND_MS / 2 || repeats >= 4096) break;
    repeats = Math.ceil(repeats * Math.min(16, (ROUND_MS / Math.max(ms, 0.1)) * 1.1));
  }
  const ends: number[] = [];
  let ahead = submit(repeats);
  for (let round = 0; round < ROUNDS; round++) {
    const next = submit(repeats);
    ends.push(await ahead);
    ahead = next;
  }
  ends.push(await ahead);
  return median(ends.slice(1).map((end, i) => end - (ends[i] as number))) / repeats;
}

/** The middle one, or the mean of the two in the middle. At least one is needed. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1] as number, sorted[sorted.length >> 1] as number];
  return (low + high) / 2;
}

/** How long a training step takes, in the loop that trains. */
import type { Race } from "../train/race.ts";
import { Stopwatch } from "../train/stopwatch.ts";
import { arithmetic } from "./arithmetic.ts";
import { median } from "./clock.ts";
import type { TowerName } from "./order.ts";
import { CLASSES } from "./towers.ts";

export interface Step {
  readonly model: TowerName;
  /** "lora", or "lora+randlora" for two lanes in one race. */
  readonly method: string;
  readonly batch: number;
  /** Trained numbers, with those of the head. */
  readonly parameters: number;
  /** How the layers run, in words. */
  readonly way: string;
  /** Milliseconds of forward, backward and AdamW of all lanes, by the clock on the wall: the median. */
  readonly ms: number;
  readonly imagesPerSecond: number;
  /** Bytes on the GPU: frozen weights, activations, and the lanes' own. */
  readonly weights: number;
  readonly activations: number;
  readonly lanes: number;
  /** Floating-point operations of one step; see arithmetic.ts. */
  readonly flops: number;
  /** Share of the best matmul's rate at which they are done, where that has been measured. */
  readonly mfu?: number;
}

/** Steps are queued so many milliseconds at a time, one such chunk ahead, as in training. */
const CHUNK_MS = 100;
/** Spent on one measurement, unless its fewest chunks take longer. */
const BUDGET_MS = 2500;
const FEWEST = 3;

/** Runs a race for a few seconds. `matmul` is the ceiling in TFLOP/s. */
export async function measureStep(race: Race, model: TowerName, matmul: number | undefined): Promise<Step> {
  const { backbone, config } = race.setup;
  const { batch } = config;
  const ms = await msPerStep(race);
  const { weights, activations, lanes } = race.memory;
  const flops = race.lanes.reduce((sum, lane) => {
    const { forward, backward } = arithmetic(backbone, lane, batch, CLASSES);
    return sum + forward + backward;
  }, 0);
  return {
    model,
    method: config.lanes.map(({ method }) => method).join("+"),
    batch,
    parameters: race.lanes.reduce((sum, { parameters }) => sum + parameters, 0),
    way: race.ways.join("; "),
    ms,
    imagesPerSecond: (1000 * batch * race.lanes.length) / ms,
    weights,
    activations,
    lanes: lanes.reduce((sum, { trainable, optimizer, frozen }) => sum + trainable + optimizer + frozen, 0),
    flops,
    ...(matmul && { mfu: flops / (ms * 1e9 * matmul) }),
  };
}

async function msPerStep(race: Race): Promise<number> {
  const watch = new Stopwatch(race);
  const { queue } = race.gpu.device;
  try {
    let step = 1;
    let one = 0;
    // The first step is timed launch by launch, to be split where it is long; when that is known, all go alike.
    for (; step <= 3; step++) {
      const start = performance.now();
      await watch.run(step, 1);
      await queue.onSubmittedWorkDone();
      one = performance.now() - start;
    }
    const count = Math.min(64, Math.max(1, Math.round(CHUNK_MS / one)));
    const chunks = Math.min(24, Math.max(FEWEST, Math.round(BUDGET_MS / (count * one))));
    const ends: number[] = [];
    for (let chunk = 0; chunk <= chunks; chunk++) {
      await watch.run(step, count); // resolves when the chunk before has run
      step += count;
      ends.push(performance.now());
    }
    await queue.onSubmittedWorkDone();
    const [, ...times] = ends.map((end, i) => end - (ends[i - 1] ?? 0));
    // The first of them waited for nothing.
    return median(times) / count;
  } finally {
    watch.destroy();
  }
}

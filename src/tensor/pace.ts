/** How a step reaches the queue: in submissions short enough for the driver's watchdog and for the desktop, by what it was seen to take. */
import type { Gpu } from "../gpu/device.ts";

/**
 * Milliseconds that a submission may be believed to take. Work of 100 ms is felt as a desktop that hangs, work of 2 s makes Windows
 * reset the device; half of the 100 leaves room for a GPU that heat or other programs slow down to half its speed since it was timed.
 * A submission costs some 50 µs, so that shorter ones would cost more than a thousandth. One launch cannot be split, however long.
 */
export const LIMIT = 50;

/** The least that a piece is taken to cost: browsers round the clock to 0.1 ms, and on some devices it jumps back. */
const LEAST = 1e-3;

/** Passes whose two times fit one query set. */
const PASSES = 2048;

/** Ends of runs of neighbours, as long as they can be from the first on: each sums to at most `limit` or is a single one. */
export function cuts(ms: ArrayLike<number>, limit: number): number[] {
  const ends: number[] = [];
  let sum = 0;
  for (let i = 0; i < ms.length; i++) {
    const one = ms[i] as number;
    if (i > 0 && sum + one > limit) {
      ends.push(i);
      sum = 0;
    }
    sum += one;
  }
  return ms.length ? [...ends, ms.length] : ends;
}

/** Launches `first` … `end - 1` of a plan, and how many milliseconds they are believed to take together. */
export interface Piece {
  readonly first: number;
  readonly end: number;
  readonly ms: number;
}

/** What is known about the time of a plan's launches, and the pieces in which it is therefore submitted. */
export class Pace {
  readonly #ms: Float64Array;
  pieces: readonly Piece[];
  /** Resolves when the first run has been timed; undefined before it. Many runs in a row had better wait for it. */
  learned: Promise<void> | undefined;

  constructor(launches: number) {
    this.#ms = new Float64Array(launches).fill(LIMIT); // nothing is known: each is taken to fill a submission
    this.pieces = this.#cut();
  }

  /** `pieces`, in which the plan was run, took `ms` in truth: within each, its launches keep their shares. */
  learn(pieces: readonly Piece[], ms: readonly number[]): void {
    for (const [p, { first, end }] of pieces.entries()) {
      const some = this.#ms.subarray(first, end);
      const factor = Math.max(LEAST, ms[p] as number) / total(some);
      for (let i = 0; i < some.length; i++) some[i] = (some[i] as number) * factor;
    }
    this.pieces = this.#cut();
  }

  #cut(): Piece[] {
    let first = 0;
    return cuts(this.#ms, LIMIT).map((end) => {
      const piece = { first, end, ms: total(this.#ms.subarray(first, end)) };
      first = end;
      return piece;
    });
  }
}

function total(ms: Iterable<number>): number {
  let sum = 0;
  for (const one of ms) sum += one;
  return sum;
}

/** What `submit` needs of a plan. */
export interface Paced {
  readonly pace: Pace;
  /** Launches `first` … `end - 1` in one pass. */
  encode(encoder: GPUCommandEncoder, timestamps?: GPUComputePassTimestampWrites, first?: number, end?: number): void;
}

/**
 * Queues plans one after the other, in as few submissions as `LIMIT` allows; `after` may add to the last one. A plan's first run
 * goes launch by launch and is timed, and so is every run with a `clock`, which must be free: both correct the pieces of the next
 * runs. Without "timestamp-query" only the first run is timed, by the clock on the wall, and its launches are taken to be alike.
 */
export function submit(
  gpu: Gpu,
  plans: readonly Paced[],
  clock?: Clock,
  after: (encoder: GPUCommandEncoder) => void = () => undefined,
): void {
  const { device } = gpu;
  const isNew = plans.some(({ pace }) => !pace.learned);
  const timer = clock ?? (isNew && gpu.features.has("timestamp-query") ? new Clock(gpu) : undefined);
  const runs = plans.map(({ pace }) => pace.pieces);
  const begun = performance.now();
  const passes = runs.reduce((sum, { length }) => sum + length, 0);
  timer?.start(passes);
  let encoder = device.createCommandEncoder();
  let filled = 0;
  let pass = 0;
  for (const [p, plan] of plans.entries()) {
    for (const { first, end, ms } of runs[p] as readonly Piece[]) {
      if (filled > 0 && filled + ms > LIMIT) {
        device.queue.submit([encoder.finish()]);
        encoder = device.createCommandEncoder();
        filled = 0;
      }
      plan.encode(encoder, timer?.marks(pass), first, end);
      pass++;
      filled += ms;
    }
  }
  after(encoder);
  timer?.stop(encoder);
  device.queue.submit([encoder.finish()]);
  if (!timer && !isNew) return;
  const times = timer ? timer.read() : wall(device, begun, passes);
  const laps = times.then((ms) => {
    const left = [...ms];
    return plans.map(({ pace }, p) => {
      const run = runs[p] as readonly Piece[];
      const own = left.splice(0, run.length);
      pace.learn(run, own);
      return total(own);
    });
  });
  if (clock) clock.laps = laps;
  const learned = laps.then(
    () => undefined,
    () => undefined, // a lost device; whoever waits for results is told
  );
  for (const { pace } of plans) pace.learned ??= learned;
  if (timer !== clock) void learned.then(() => timer?.destroy());
}

/** The time since `begun`, when all that is queued has run, in `pieces` equal parts: with what was queued before, rather too much than too little. */
async function wall({ queue }: GPUDevice, begun: number, pieces: number): Promise<readonly number[]> {
  await queue.onSubmittedWorkDone();
  return new Array<number>(pieces).fill((performance.now() - begun) / pieces);
}

/** Times passes by the GPU's own clock, the feature "timestamp-query", one run at a time. */
export class Clock {
  /** Milliseconds of each plan in the run that it timed last, each the sum of its pieces. */
  laps: Promise<readonly number[]> = Promise.resolve([]);
  readonly #gpu: Gpu;
  #sets: readonly GPUQuerySet[] = [];
  #resolved: GPUBuffer | undefined;
  #staging: GPUBuffer | undefined;
  #passes = 0;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** Not so while the times of a run are on their way. */
  get free(): boolean {
    return this.#staging?.mapState !== "pending";
  }

  /** Begins a run of so many passes; allocates only where the runs before had fewer. */
  start(passes: number): void {
    this.#passes = passes;
    const size = 16 * passes;
    if (size <= (this.#staging?.size ?? 0)) return;
    this.destroy();
    const { device } = this.#gpu;
    this.#sets = Array.from({ length: Math.ceil(passes / PASSES) }, (_, s) =>
      device.createQuerySet({ type: "timestamp", count: 2 * Math.min(PASSES, passes - PASSES * s) }),
    );
    const [resolving, reading] = [
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
      GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    ];
    this.#resolved = device.createBuffer({ label: "timestamps", size, usage: resolving });
    this.#staging = device.createBuffer({ label: "timestamps", size, usage: reading });
  }

  /** What the pass of this index is begun with. */
  marks(pass: number): GPUComputePassTimestampWrites {
    const at = 2 * (pass % PASSES);
    const querySet = this.#sets[Math.floor(pass / PASSES)] as GPUQuerySet;
    return { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
  }

  /** Ends the run, behind its last pass. */
  stop(encoder: GPUCommandEncoder): void {
    const [resolved, staging] = [this.#resolved, this.#staging];
    if (!resolved || !staging || !this.#passes) return;
    for (const [s, set] of this.#sets.entries()) {
      const count = 2 * Math.min(PASSES, this.#passes - PASSES * s);
      if (count > 0) encoder.resolveQuerySet(set, 0, count, resolved, 16 * PASSES * s);
    }
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16 * this.#passes);
  }

  /** Milliseconds of every pass, once the run has been submitted and is over. Stalls nothing. */
  async read(): Promise<readonly number[]> {
    const [staging, passes] = [this.#staging, this.#passes];
    if (!staging || !passes) return [];
    await staging.mapAsync(GPUMapMode.READ, 0, 16 * passes);
    const ticks = new BigInt64Array(staging.getMappedRange(0, 16 * passes).slice(0));
    staging.unmap();
    return Array.from({ length: passes }, (_, i) => Number((ticks[2 * i + 1] as bigint) - (ticks[2 * i] as bigint)) / 1e6);
  }

  destroy(): void {
    for (const set of this.#sets) set.destroy();
    this.#resolved?.destroy();
    this.#staging?.destroy();
  }
}

/** Which variants of kernels are the fastest on this device: found by running them. */
import { checked, type Gpu } from "../gpu/device.ts";
import type { Kernels } from "../gpu/kernel.ts";
import { storage } from "../gpu/memory.ts";
import { Clock } from "./pace.ts";
import { Arena, type Plan } from "./plan.ts";
import { Tape } from "./tape.ts";
import { byteLength, type Tensor, tensor } from "./tensor.ts";
import type { Trial } from "./variant.ts";

/** Milliseconds that one measurement should take: browsers round the GPU's clock to 0.1 ms, and the one on the wall sees the queue too. */
const ENOUGH = { gpu: 3, wall: 10 };
/** Repeats of one measurement: what the fastest kernels need for it costs the CPU more than it tells. */
const MOST = 512;
/** A GPU that was idle needs some milliseconds to get up to speed. */
const WARM = 200;
/** A GPU's speed wanders: all variants are measured in turns, and of each the middle time counts. */
const ROUNDS = 5;
/** Beyond so many times the best one's time, a variant is not measured again: after the first round, and after later ones. */
const HOPELESS = [1.4, 1.15];
/** Within so much of the best time the earlier variant is taken, so that it is the same one more often. */
const TIE = 1.02;

export interface Tuning {
  /** Share of the work that is done. */
  readonly onProgress?: (share: number) => void;
  /** Milliseconds for measuring, which begins once all variants are compiled. What they do not suffice for is guessed. */
  readonly budget?: number;
}

/**
 * Measures the variants of every problem of the tapes whose fastest one is not known, and adds what it finds to `gpu.tuned`. True
 * when it found anything: tapes recorded from then on use it. A software adapter has one variant of everything.
 */
export async function tune(
  gpu: Gpu,
  kernels: Kernels,
  tapes: readonly Tape[],
  { onProgress = () => undefined, budget = 12_000 }: Tuning = {},
): Promise<boolean> {
  const trials = new Map(gpu.software ? [] : tapes.flatMap(({ untuned }) => [...untuned]));
  let done = 0;
  const all = [...trials.values()].reduce((sum, { names }) => sum + names.length + 1, 0);
  const compiled = await Promise.all(
    Array.from(trials, async ([key, trial]) => {
      const contenders = await Promise.all(
        contendersOf(trial).map(async (contender) => {
          const fits = await compiles(kernels, contender);
          onProgress(++done / all);
          return fits ? [contender] : [];
        }),
      );
      return { key, guess: trial.names[0] as string, contenders: contenders.flat() };
    }),
  );
  const timer = new Timer(gpu);
  const end = performance.now() + budget;
  let found = false;
  for (const { key, guess, contenders } of compiled) {
    const hasTime = contenders.length > 0 && performance.now() < end;
    const name = hasTime ? await checked(gpu, "Tuning kernels", () => fastest(gpu, kernels, contenders, timer, end)) : undefined;
    if (name === undefined) gpu.guessed.add(key);
    gpu.tuned.set(key, name ?? guess);
    found ||= name !== undefined;
    onProgress(++done / all);
  }
  timer.destroy();
  return found;
}

/** One variant of a problem, recorded. */
interface Contender {
  readonly name: string;
  readonly tape: Tape;
  readonly inputs: readonly Tensor[];
}

const contendersOf = ({ names, record }: Trial): Contender[] =>
  names.map((name, which) => {
    const tape = new Tape(false);
    const inputs: Tensor[] = [];
    record(tape, which, (shape, type = "f32") => {
      const x = tensor(shape, { type, label: "trial" });
      inputs.push(x);
      return x;
    });
    return { name, tape, inputs };
  });

/** A variant may need more workgroup memory or invocations than this device has. */
const compiles = (kernels: Kernels, { tape }: Contender): Promise<boolean> =>
  Promise.all(tape.launches.map((launch) => kernels.pipeline(launch))).then(
    () => true,
    () => false,
  );

/** The name of the fastest, or undefined where `end` would come too early. */
async function fastest(
  gpu: Gpu,
  kernels: Kernels,
  contenders: readonly Contender[],
  timer: Timer,
  end: number,
): Promise<string | undefined> {
  const places = Math.max(...contenders.map(({ inputs }) => inputs.length));
  const buffers = Array.from({ length: places }, (_, i) =>
    storage(gpu, Math.max(...contenders.map(({ inputs: { [i]: x } }) => (x ? byteLength(x) : 0))), "trial"),
  );
  for (const { inputs } of contenders) for (const [i, x] of inputs.entries()) x.buffer = buffers[i];
  const arena = new Arena(gpu, kernels);
  try {
    const plans = await arena.plan(contenders.map(({ tape }) => tape));
    // The first run of each counts for nothing: some drivers compile a part of a kernel then.
    const [first, ...others] = plans as [Plan, ...Plan[]];
    await timer.measure([first], 1);
    const repeats = await timer.calibrate(first, end - performance.now(), 2 * plans.length);
    if (!repeats) return undefined;
    await timer.measure(others, 1);
    const all = plans.map((): number[] => []);
    const middle = () => all.map(median);
    for (let round = 0; round < ROUNDS; round++) {
      const limit = (HOPELESS[Math.min(1, round - 1)] ?? 1) * Math.min(...middle());
      const some = [...plans.keys()].filter((p) => round === 0 || median(all[p] as number[]) <= limit);
      const times = await timer.measure(
        some.map((p) => plans[p] as Plan),
        repeats,
      );
      for (const [i, p] of some.entries()) {
        const ms = times[i] as number;
        if (ms > 0) all[p]?.push(ms); // there are clocks that jump back
      }
    }
    const limit = TIE * Math.min(...middle());
    return contenders[middle().findIndex((ms) => ms <= limit)]?.name;
  } finally {
    arena.destroy();
    for (const buffer of buffers) buffer.destroy();
  }
}

/** The middle one, or Infinity where there is none. */
function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.POSITIVE_INFINITY;
}

/** Times plans by the GPU's own clock where there is one, else by the clock on the wall. */
class Timer {
  readonly #gpu: Gpu;
  readonly #clock: Clock | undefined;
  readonly #warm = performance.now() + WARM;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.#clock = gpu.features.has("timestamp-query") ? new Clock(gpu) : undefined;
  }

  /** How often to run plans like this one in a measurement; 0 when so many measurements of it would take longer than `left` ms. */
  async calibrate(plan: Plan, left: number, measurements: number): Promise<number> {
    const enough = this.#clock ? ENOUGH.gpu : ENOUGH.wall;
    for (let repeats = 1; ; ) {
      const ms = (await this.measure([plan], repeats))[0] as number;
      if (ms * repeats * measurements > left) return 0;
      const wanted = Math.min(MOST, Math.max(1, Math.ceil(enough / Math.max(ms, enough / MOST))));
      if (repeats >= wanted && performance.now() > this.#warm) return wanted;
      // A clock that is rounded may see nothing of the first few.
      repeats = Math.min(wanted, 16 * repeats);
    }
  }

  /** Milliseconds of one run of each plan. */
  async measure(plans: readonly Plan[], repeats: number): Promise<readonly number[]> {
    const { queue } = this.#gpu.device;
    const times: number[] = [];
    this.#clock?.start(plans.length);
    // A submission for each: short enough for any driver, unless one run is too long already.
    for (const [p, plan] of plans.entries()) {
      const encoder = this.#encode(plan, repeats, this.#clock?.marks(p));
      if (p === plans.length - 1) this.#clock?.stop(encoder);
      const begun = performance.now();
      queue.submit([encoder.finish()]);
      if (this.#clock) continue;
      await queue.onSubmittedWorkDone();
      times.push(performance.now() - begun);
    }
    return ((await this.#clock?.read()) ?? times).map((ms) => ms / repeats);
  }

  #encode(plan: Plan, repeats: number, marks: GPUComputePassTimestampWrites | undefined): GPUCommandEncoder {
    const encoder = this.#gpu.device.createCommandEncoder();
    for (let n = 0; n < repeats; n++) plan.encode(encoder, marks && ends(marks, n === 0, n === repeats - 1));
    return encoder;
  }

  destroy(): void {
    this.#clock?.destroy();
  }
}

/** What begins and ends the time of several passes in a row: the mark of the first one and that of the last. */
function ends(
  { querySet, beginningOfPassWriteIndex: begin = 0, endOfPassWriteIndex: end = 0 }: GPUComputePassTimestampWrites,
  first: boolean,
  last: boolean,
): GPUComputePassTimestampWrites | undefined {
  if (!first && !last) return undefined;
  return { querySet, ...(first && { beginningOfPassWriteIndex: begin }), ...(last && { endOfPassWriteIndex: end }) };
}

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

/** Runs by which a problem's share of the time is told. */
const SAMPLE = 32;
/** Milliseconds below which one run alone tells too little. */
const BRIEF = 1;
/** Problems whose variants compile while those of another are measured: what was begun when time is up is in the way of the race's own kernels. */
const AHEAD = 2;

export interface Tuning {
  /** Share of the work that is done. */
  readonly onProgress?: (share: number) => void;
  /** Milliseconds for all of it. What they do not suffice for is guessed. */
  readonly budget?: number;
}

/**
 * Measures the variants of every problem of the tapes whose fastest one is not known, the problems that take most of their time
 * first, and adds what it finds to `gpu.tuned`. True when it found anything: tapes recorded from then on use it. A software adapter
 * has one variant of everything.
 */
export async function tune(
  gpu: Gpu,
  kernels: Kernels,
  tapes: readonly Tape[],
  { onProgress = () => undefined, budget = 5000 }: Tuning = {},
): Promise<boolean> {
  const problems = gpu.software ? [] : problemsOf(tapes);
  if (problems.length === 0) return false;
  const end = performance.now() + budget;
  const hasTime = () => performance.now() < end;
  const timer = new Timer(gpu);
  const ranked = hasTime() ? await checked(gpu, "Tuning kernels", () => rank(gpu, kernels, problems, timer, hasTime)) : problems;
  const compiling: Promise<readonly Contender[]>[] = [];
  let found = false;
  for (const [p, { key, trial, ms }] of ranked.entries()) {
    let name: string | undefined;
    if (hasTime()) {
      // A clock on the wall would see what compiles meanwhile.
      const ahead = timer.isExact ? AHEAD : 0;
      for (const next of ranked.slice(compiling.length, p + 1 + ahead)) compiling.push(accepted(kernels, contendersOf(next.trial)));
      const contenders = (await compiling[p]) ?? [];
      if (contenders.length > 0) {
        name = await checked(gpu, "Tuning kernels", () => fastest(gpu, kernels, contenders, timer, ms, end));
      }
    }
    if (name === undefined) gpu.guessed.add(key);
    gpu.tuned.set(key, name ?? (trial.names[0] as string));
    found ||= name !== undefined;
    onProgress((p + 1) / ranked.length);
  }
  timer.destroy();
  return found;
}

/** What was guessed is to be measured after all, by someone who has the time. */
export function forgetGuesses({ tuned, guessed }: Gpu): void {
  for (const key of guessed) tuned.delete(key);
  guessed.clear();
}

interface Problem {
  readonly key: string;
  readonly trial: Trial;
  /** How often the tapes run it. */
  readonly uses: number;
  /** Milliseconds of one run of its guess, 0 while they are not known. */
  readonly ms: number;
}

function problemsOf(tapes: readonly Tape[]): readonly Problem[] {
  const problems = new Map<string, Problem>();
  for (const [key, trial] of tapes.flatMap(({ untuned }) => [...untuned])) {
    problems.set(key, { key, trial, uses: trial.uses + (problems.get(key)?.uses ?? 0), ms: 0 });
  }
  return [...problems.values()];
}

/** What takes most of the tapes' time comes first, and before that the problems whose guess the device refuses. */
async function rank(
  gpu: Gpu,
  kernels: Kernels,
  problems: readonly Problem[],
  timer: Timer,
  hasTime: () => boolean,
): Promise<readonly Problem[]> {
  const guesses = problems.map(({ trial }) => contenderOf(trial, 0));
  const fit = new Set(await accepted(kernels, guesses));
  const timed = problems.filter((_, p) => fit.has(guesses[p] as Contender));
  const refused = problems.filter((_, p) => !fit.has(guesses[p] as Contender));
  const times = await onScratch(gpu, kernels, [...fit], async (plans) => {
    await timer.measure(plans, 1);
    const once = await timer.measure(plans, 1);
    const brief = hasTime() ? plans.filter((_, p) => (once[p] as number) < BRIEF) : [];
    const often = new Map((await timer.measure(brief, SAMPLE)).map((ms, b) => [brief[b], ms]));
    return plans.map((plan, p) => often.get(plan) ?? (once[p] as number));
  });
  const known = timed.map((problem, p) => ({ ...problem, ms: times[p] as number }));
  return [...refused, ...known.sort((a, b) => b.uses * b.ms - a.uses * a.ms)];
}

/** One variant of a problem, recorded. */
interface Contender {
  readonly name: string;
  readonly tape: Tape;
  readonly inputs: readonly Tensor[];
}

const contendersOf = (trial: Trial): readonly Contender[] => trial.names.map((_, which) => contenderOf(trial, which));

function contenderOf({ names, record }: Trial, which: number): Contender {
  const tape = new Tape(false);
  const inputs: Tensor[] = [];
  record(tape, which, (shape, type = "f32") => {
    const x = tensor(shape, { type, label: "trial" });
    inputs.push(x);
    return x;
  });
  return { name: names[which] as string, tape, inputs };
}

/** Compiles them. Those that the device accepts: a variant may need more workgroup memory or invocations than it has. */
async function accepted(kernels: Kernels, contenders: readonly Contender[]): Promise<readonly Contender[]> {
  const compiled = contenders.map(({ tape }) => Promise.all(tape.launches.map((launch) => kernels.pipeline(launch))));
  const outcomes = await Promise.allSettled(compiled);
  return contenders.filter((_, c) => outcomes[c]?.status === "fulfilled");
}

/** Plans of contenders that read from the same scratch buffers, for as long as `work` takes. */
async function onScratch<T>(
  gpu: Gpu,
  kernels: Kernels,
  contenders: readonly Contender[],
  work: (plans: readonly Plan[]) => Promise<T>,
): Promise<T> {
  const places = Math.max(0, ...contenders.map(({ inputs }) => inputs.length));
  const buffers = Array.from({ length: places }, (_, i) =>
    storage(gpu, Math.max(...contenders.map(({ inputs: { [i]: x } }) => (x ? byteLength(x) : 0))), "trial"),
  );
  for (const { inputs } of contenders) for (const [i, x] of inputs.entries()) x.buffer = buffers[i];
  const arena = new Arena(gpu, kernels);
  try {
    return await work(await arena.plan(contenders.map(({ tape }) => tape)));
  } finally {
    arena.destroy();
    for (const buffer of buffers) buffer.destroy();
  }
}

/** The name of the fastest, or undefined where `end` would come too early. `guess`: milliseconds of one run, 0 when not known. */
function fastest(
  gpu: Gpu,
  kernels: Kernels,
  contenders: readonly Contender[],
  timer: Timer,
  guess: number,
  end: number,
): Promise<string | undefined> {
  return onScratch(gpu, kernels, contenders, async (plans) => {
    // The first run of each counts for nothing: some drivers compile a part of a kernel then.
    await timer.measure(plans, 1);
    const repeats = await timer.calibrate(plans[0] as Plan, guess, end - performance.now(), 2 * plans.length);
    if (!repeats) return undefined;
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
  });
}

/** The middle one, or Infinity where there is none. */
function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.POSITIVE_INFINITY;
}

/** Times plans by the GPU's own clock where there is one, else by the clock on the wall. */
class Timer {
  readonly #gpu: Gpu;
  readonly #clock: Clock | undefined;
  /** Until then a GPU that was idle may be slow. */
  #warm = 0;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
    this.#clock = gpu.features.has("timestamp-query") ? new Clock(gpu) : undefined;
  }

  /** Sees the GPU's work alone. */
  get isExact(): boolean {
    return this.#clock !== undefined;
  }

  /**
   * How often to run plans like this one in a measurement; 0 when so many measurements of it would take longer than `left` ms.
   * `guess`: milliseconds of one run, 0 when not known.
   */
  async calibrate(plan: Plan, guess: number, left: number, measurements: number): Promise<number> {
    const enough = this.#clock ? ENOUGH.gpu : ENOUGH.wall;
    const timesFor = (ms: number) => Math.min(MOST, Math.max(1, Math.ceil(enough / Math.max(ms, enough / MOST))));
    for (let repeats = guess > 0 ? timesFor(guess) : 1; ; ) {
      const ms = (await this.measure([plan], repeats))[0] as number;
      if (ms * repeats * measurements > left) return 0;
      const wanted = timesFor(ms);
      if (wanted <= 2 * repeats && performance.now() > this.#warm) return wanted;
      // A clock that is rounded may see nothing of the first few.
      repeats = Math.min(wanted, 16 * repeats);
    }
  }

  /** Milliseconds of one run of each plan. */
  async measure(plans: readonly Plan[], repeats: number): Promise<readonly number[]> {
    const { queue } = this.#gpu.device;
    const times: number[] = [];
    this.#warm ||= performance.now() + WARM;
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

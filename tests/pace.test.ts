/** How steps are split into submissions: where they are cut, what a run teaches, and that nobody can tell from the results. */
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Gpu } from "../src/gpu/device.ts";
import { readback, storage } from "../src/gpu/memory.ts";
import { gelu } from "../src/ops/gelu.ts";
import { matmul } from "../src/ops/matmul.ts";
import { runOnce } from "../src/tensor/once.ts";
import { Clock, cuts, LIMIT, Pace, type Piece, submit } from "../src/tensor/pace.ts";
import { Arena, type Plan } from "../src/tensor/plan.ts";
import { uniform } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { byteLength, type Tensor } from "../src/tensor/tensor.ts";
import { Backbone } from "../src/train/backbone.ts";
import { Stopwatch } from "../src/train/stopwatch.ts";
import { gpu } from "./gpu.ts";
import { draw, onGpu } from "./layer.ts";
import { kernels, openRace, toyConfig, toyFiles } from "./toy.ts";

afterEach(() => void vi.restoreAllMocks());

const sum = (ms: readonly number[]): number => ms.reduce((a, b) => a + b, 0);

/** Every launch once, in order; nothing longer than the limit but single launches. */
function expectSound(pieces: readonly Piece[], launches: number): void {
  expect(pieces.map(({ first }) => first)).toEqual([...(launches ? [0] : []), ...pieces.slice(0, -1).map(({ end }) => end)]);
  expect(pieces.at(-1)?.end ?? 0).toBe(launches);
  for (const { first, end, ms } of pieces) {
    expect(end).toBeGreaterThan(first);
    if (end > first + 1) expect(ms).toBeLessThanOrEqual(LIMIT);
  }
}

describe("cuts", () => {
  /** The fewest runs of neighbours within the limit, by trying all. */
  function fewest(ms: readonly number[], limit: number): number {
    const best = [0];
    for (let end = 1; end <= ms.length; end++) {
      const firsts = Array.from({ length: end }, (_, first) => first);
      const fits = firsts.filter((first) => first === end - 1 || sum(ms.slice(first, end)) <= limit);
      best.push(1 + Math.min(...fits.map((first) => best[first]!)));
    }
    return best[ms.length]!;
  }

  test("all lists of up to six times: each once, in order, within the limit or alone, and no fewer would do", () => {
    const times = [0, 1, 2, 3, 7];
    let lists: number[][] = [[]];
    let seen = 0;
    for (let length = 0; length <= 6; length++) {
      for (const ms of lists) {
        const ends = cuts(ms, 4);
        const runs = ends.map((end, i) => ms.slice(ends[i - 1] ?? 0, end));
        const sound = runs.every((run) => run.length === 1 || (run.length > 1 && sum(run) <= 4));
        if (runs.flat().join() !== ms.join() || !sound || ends.length !== fewest(ms, 4)) expect.fail(`[${ms}] is cut at [${ends}]`);
        seen++;
      }
      lists = lists.flatMap((ms) => times.map((one) => [...ms, one]));
    }
    expect(seen).toBe((5 ** 7 - 1) / 4);
  });

  test("a single launch longer than the limit stays whole and alone", () => {
    expect(cuts([1, 200, 1], LIMIT)).toEqual([1, 2, 3]);
    expect(cuts([LIMIT, LIMIT], LIMIT)).toEqual([1, 2]);
    expect(cuts([LIMIT / 2, LIMIT / 2, 0], LIMIT)).toEqual([3]);
    expect(cuts([], LIMIT)).toEqual([]);
  });
});

describe("what a run teaches", () => {
  const ends = ({ pieces }: Pace) => pieces.map(({ end }) => end);
  const taught = (...ms: number[]): Pace => {
    const pace = new Pace(ms.length);
    pace.learn(pace.pieces, ms);
    return pace;
  };

  test("a launch of which nothing is known is a piece of its own", () => {
    expect(ends(new Pace(5))).toEqual([1, 2, 3, 4, 5]);
    expect(new Pace(0).pieces).toEqual([]);
  });

  test("launches keep their shares when their piece is slower or faster than it was", () => {
    const pace = taught(10, 20, 10, 10, 30, 5);
    expect(ends(pace)).toEqual([4, 6]);
    pace.learn(pace.pieces, [100, 35]); // 20, 40, 20, 20, 30, 5
    expect(ends(pace)).toEqual([1, 2, 4, 6]);
    pace.learn(pace.pieces, [1, 2, 2, 3.5]);
    expect(pace.pieces).toEqual([{ first: 0, end: 6, ms: expect.closeTo(8.5) }]);
  });

  test("pieces that are out of date by the time they are told are learnt as well", () => {
    const pace = new Pace(4);
    const { pieces } = pace;
    for (let run = 0; run < 2; run++) pace.learn(pieces, [10, 20, 20, 40]);
    expect(pace.pieces.map(({ end, ms }) => [end, Math.round(ms)])).toEqual([
      [3, 50],
      [4, 40],
    ]);
  });

  test("a clock that stands still or jumps back for a run does not stop the next one from teaching", () => {
    const pace = taught(0, -5, 0, 0);
    expect(ends(pace)).toEqual([4]);
    pace.learn(pace.pieces, [200]);
    expect(pace.pieces.map(({ ms }) => ms)).toEqual([50, 50, 50, 50]);
  });

  test("whatever it is told, each launch is in one piece and no piece is too long: 200 random plans", () => {
    let merged = 0;
    for (let seed = 0; seed < 200; seed++) {
      let draws = 0;
      const random = () => uniform(seed, 1, draws++);
      const launches = Math.floor(40 * random());
      const pace = new Pace(launches);
      for (let run = 0; run < 5; run++) {
        expectSound(pace.pieces, launches);
        pace.learn(
          pace.pieces,
          pace.pieces.map(() => 2 ** (14 * random() - 6)),
        );
      }
      expectSound(pace.pieces, launches);
      merged += launches - pace.pieces.length;
    }
    expect(merged).toBeGreaterThan(200);
  });
});

interface Submission {
  passes: number;
  /** The bind group of each dispatch: every launch of a plan has its own. */
  readonly dispatches: unknown[];
}

/** What reaches the queue meanwhile; it runs all the same. */
async function watched(work: () => void | Promise<void>): Promise<Submission[]> {
  const submissions: Submission[] = [];
  const made = new Map<GPUCommandBuffer, Submission>();
  const { device } = gpu;
  const [create, queue] = [device.createCommandEncoder.bind(device), device.queue.submit.bind(device.queue)];
  const creating = vi.spyOn(device, "createCommandEncoder").mockImplementation((descriptor) => {
    const encoder = create(descriptor);
    const submission: Submission = { passes: 0, dispatches: [] };
    const [begin, finish] = [encoder.beginComputePass.bind(encoder), encoder.finish.bind(encoder)];
    encoder.beginComputePass = (passDescriptor) => {
      const pass = begin(passDescriptor);
      submission.passes++;
      let bound: unknown;
      const [bind, dispatch] = [pass.setBindGroup.bind(pass), pass.dispatchWorkgroups.bind(pass)];
      pass.setBindGroup = (index: number, group: GPUBindGroup | null | undefined) => {
        bound = group;
        bind(index, group);
      };
      pass.dispatchWorkgroups = (...groups) => {
        submission.dispatches.push(bound);
        dispatch(...groups);
      };
      return pass;
    };
    encoder.finish = () => {
      const buffer = finish();
      made.set(buffer, submission);
      return buffer;
    };
    return encoder;
  });
  const queueing = vi.spyOn(device.queue, "submit").mockImplementation((buffers) => {
    for (const buffer of buffers) submissions.push(made.get(buffer)!);
    queue(buffers);
  });
  await work();
  creating.mockRestore();
  queueing.mockRestore();
  return submissions;
}

/** A chain of `launches` launches on `n` numbers that ends in `y`. */
async function chain(launches: number, n = 16): Promise<{ plan: Plan; y: Tensor; read(): Promise<string> }> {
  const tape = new Tape(true);
  let y: Tensor = onGpu([n], draw(n, 1, 3));
  for (let i = 0; i < launches; i++) y = tape.apply(gelu, { x: y }, { kind: "quick" });
  y.buffer = storage(gpu, byteLength(y), "y");
  expect(tape.launches).toHaveLength(launches);
  const [plan] = await new Arena(gpu, kernels).plan([tape]);
  const home = y.buffer;
  return { plan: plan!, y, read: async () => Buffer.from(await readback(gpu, home, 0, 4 * n)).toString("hex") };
}

const all = async (plan: Plan): Promise<unknown[]> => {
  const [whole] = await watched(() => {
    const encoder = gpu.device.createCommandEncoder();
    plan.encode(encoder);
    gpu.device.queue.submit([encoder.finish()]);
  });
  return whole!.dispatches;
};

describe("a plan", () => {
  test("goes launch by launch until its first run has been timed, then in its pieces: the same launches, the same bits", async () => {
    const w = onGpu([64, 64], draw(4096, 2, 0.1));
    const tape = new Tape(false);
    let y: Tensor = onGpu([64, 64], draw(4096, 1));
    for (let i = 0; i < 12; i++) y = tape.apply(matmul, { a: y, b: w }, {});
    const home = storage(gpu, byteLength(y), "y");
    y.buffer = home;
    const [plan] = await new Arena(gpu, kernels).plan([tape]);
    const read = async () => Buffer.from(await readback(gpu, home, 0, byteLength(y))).toString("hex");
    const wanted = await all(plan!);
    expect(new Set(wanted).size).toBe(tape.launches.length);
    const bits = await read();
    const clocks = vi.spyOn(gpu.device, "createQuerySet");
    for (let run = 0; run < 4; run++) {
      gpu.device.queue.writeBuffer(home, 0, new Float32Array(4096));
      const { pieces } = plan!.pace;
      expect(pieces).toHaveLength(run ? pieces.length : wanted.length);
      expectSound(pieces, wanted.length);
      const submissions = await watched(() => plan!.submit(gpu));
      expect(submissions.map(({ passes, dispatches }) => [passes, dispatches])).toEqual(
        pieces.map(({ first, end }) => [1, wanted.slice(first, end)]),
      );
      await plan!.pace.learned;
      if (run) expect(plan!.pace.pieces).toBe(pieces);
      else expect(plan!.pace.pieces).not.toEqual(pieces);
      expect(await read()).toBe(bits);
    }
    expect(clocks).toHaveBeenCalledTimes(1);
    clocks.mockRestore();
  });

  test("in pieces of any size gives the bits of the whole", async () => {
    const { plan, read, y } = await chain(24);
    const wanted = await all(plan);
    const bits = await read();
    plan.pace.learned = Promise.resolve();
    for (const ms of [1, 10, 17, 25, 26, 70]) {
      plan.pace.learn(
        plan.pace.pieces,
        plan.pace.pieces.map(({ first, end }) => ms * (end - first)),
      );
      gpu.device.queue.writeBuffer(y.buffer!, 0, new Float32Array(16));
      const submissions = await watched(() => plan.submit(gpu));
      expect(submissions).toHaveLength(Math.ceil(24 / Math.max(1, Math.floor(LIMIT / ms))));
      expect(submissions.every(({ passes }) => passes === 1)).toBe(true);
      expect(submissions.flatMap(({ dispatches }) => dispatches)).toEqual(wanted);
      expect(await read()).toBe(bits);
    }
  });

  test("what comes after it comes after its last piece", async () => {
    const { plan, read, y } = await chain(4);
    const copy = storage(gpu, 64, "copy");
    plan.submit(gpu, (encoder) => encoder.copyBufferToBuffer(y.buffer!, 0, copy, 0, 64));
    expect(Buffer.from(await readback(gpu, copy, 0, 64)).toString("hex")).toBe(await read());
    submit(gpu, [], undefined, (encoder) => encoder.clearBuffer(copy));
    expect([...new Uint8Array(await readback(gpu, copy, 0, 64))]).toEqual(Array(64).fill(0));
  });

  test("that runs once goes launch by launch", async () => {
    const tape = new Tape(true);
    const x = onGpu([8], draw(8, 1));
    const y = tape.apply(gelu, { x: tape.apply(gelu, { x }, { kind: "quick" }) }, { kind: "quick" });
    const submissions = await watched(async () => void (await runOnce(gpu, kernels, tape, [y])));
    expect(submissions.map(({ dispatches }) => dispatches.length)).toEqual([1, 1, 0]); // the last one reads
  });

  test("of more launches than a set of queries holds is timed as a whole", async () => {
    const { plan } = await chain(2300);
    plan.submit(gpu);
    await plan.pace.learned;
    expectSound(plan.pace.pieces, 2300);
    expect(plan.pace.pieces.length).toBeLessThan(2300 / 2);
    const profile = await plan.profile(gpu);
    expect(profile).toHaveLength(2300);
    for (const some of [profile.slice(0, 2048), profile.slice(2048)]) expect(some.some(({ ms }) => ms > 0)).toBe(true);
  });
});

describe("several plans", () => {
  const told = async (...ms: number[]): Promise<Plan> => {
    const { plan } = await chain(ms.length, 1 << 16);
    plan.pace.learn(plan.pace.pieces, ms);
    plan.pace.learned = Promise.resolve();
    return plan;
  };

  test("that fit are one submission with one pass for each", async () => {
    const plans = [await told(1, 2, 3), await told(20, 20), await told(4)];
    const submissions = await watched(() => submit(gpu, plans));
    expect(submissions.map(({ passes, dispatches }) => [passes, dispatches.length])).toEqual([[3, 6]]);
  });

  test("share submissions as far as the limit allows, whole pieces at a time", async () => {
    const plans = [await told(40, 30, 10), await told(20, 20), await told(200, 1), await told(5)];
    const submissions = await watched(() => submit(gpu, plans));
    expect(submissions.map(({ passes, dispatches }) => [passes, dispatches.length])).toEqual([
      [1, 1], // 40
      [1, 2], // 30 10 | 20 20 would be 80
      [1, 2],
      [1, 1], // 200: one launch cannot be split
      [2, 2], // 1 | 5
    ]);
  });

  test("are timed each for itself, in pieces or whole, and every timed run corrects what is believed", async () => {
    const plans = [await told(...Array<number>(9).fill(20)), await told(1, 1)];
    const clock = new Clock(gpu);
    const before = plans.map(({ pace }) => pace.pieces.length);
    expect(before).toEqual([5, 1]);
    for (let run = 0; run < 2; run++) {
      expect(clock.free).toBe(true);
      const sets = vi.spyOn(gpu.device, "createQuerySet");
      submit(gpu, plans, clock);
      expect(sets).toHaveBeenCalledTimes(run ? 0 : 1);
      sets.mockRestore();
      expect(clock.free).toBe(false);
      const laps = await clock.laps;
      expect(laps).toHaveLength(2);
      expect(sum(laps)).toBeGreaterThan(0);
      // A piece is believed to take something, even where the clock stood still.
      for (const [p, { pace }] of plans.entries()) expect(sum(pace.pieces.map(({ ms }) => ms))).toBeCloseTo(laps[p]!, 1);
    }
    clock.destroy();
  });
});

describe("a race", () => {
  const config = toyConfig({ batch: 3, validation: 0.3 });
  const shape = (submissions: readonly Submission[]) => submissions.map(({ passes, dispatches }) => [passes, dispatches.length]);

  /** Four steps without a clock on the GPU, where every launch of a first run seems to take `ms`; then an evaluation. */
  async function raced(ms: number) {
    const blind: Gpu = { ...gpu, features: new Set() };
    const race = await openRace(config, new Backbone(blind, kernels, toyFiles()));
    const sets = vi.spyOn(gpu.device, "createQuerySet");
    let now = 0;
    const time = vi.spyOn(performance, "now").mockImplementation(() => now);
    const steps = [await watched(() => race.step(1))];
    now += ms * steps[0]!.length;
    await race.figures(0, 1, 1);
    for (let step = 2; step <= 4; step++) steps.push(await watched(() => race.step(step)));
    const evaluation = await watched(async () => void (await race.evaluate(0, race.setup.split.validation)));
    time.mockRestore();
    expect(sets).not.toHaveBeenCalled();
    sets.mockRestore();
    const prints = [await race.fingerprint(0), await race.fingerprint(1)];
    race.destroy();
    return { steps, evaluation, prints };
  }

  test("that is fast has one submission for all lanes; a slow one has more, and the same weights to the last bit", async () => {
    const fast = await raced(0);
    const launches = fast.steps[0]!.length;
    expect(shape(fast.steps[0]!)).toEqual(Array(launches).fill([1, 1]));
    for (const step of fast.steps.slice(1)) expect(shape(step)).toEqual([[2, launches]]);
    const [slow, slowest] = [await raced(20), await raced(30)];
    for (const step of slow.steps.slice(1)) {
      expect(step.length).toBeLessThan(0.6 * launches);
      expect(shape(step).every(([passes, count]) => passes === 1 && count! <= 2)).toBe(true);
    }
    for (const { steps } of [slow, slowest]) {
      for (const step of steps) expect(step.reduce((sum, { dispatches }) => sum + dispatches.length, 0)).toBe(launches);
    }
    for (const step of slowest.steps) expect(step).toHaveLength(launches);
    expect(slow.prints).toEqual(fast.prints);
    expect(slowest.prints).toEqual(fast.prints);
    expect(fast.prints[0]).not.toBe(fast.prints[1]);

    // The same where the GPU has a clock, whatever it says.
    const race = await openRace(config);
    const watch = new Stopwatch(race);
    await watch.run(1, 1);
    await watch.run(2, 2);
    await watch.run(4, 1);
    await race.figures(0, 4, 4);
    const { msPerStep } = watch.read();
    expect(msPerStep.every((ms) => ms > 0 && Number.isFinite(ms))).toBe(true);
    expect([await race.fingerprint(0), await race.fingerprint(1)]).toEqual(fast.prints);
    watch.destroy();
    race.destroy();
  });

  test("waits in an evaluation until its first batch has been timed: only that one goes launch by launch", async () => {
    const { evaluation } = await raced(0);
    const launches = evaluation.length - 3;
    expect(shape(evaluation)).toEqual([...Array(launches).fill([1, 1]), [1, launches], [1, launches], [0, 0]]);
  });
});

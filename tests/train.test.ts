/** Whole runs on the toy: their events, their figures, and that they can be repeated bit for bit. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { openRanker } from "../src/analysis/ranker.ts";
import { batches } from "../src/data/batch.ts";
import { inMemory } from "../src/data/pixels.ts";
import { splitDataset } from "../src/data/split.ts";
import { Backbone } from "../src/train/backbone.ts";
import { Controls } from "../src/train/controls.ts";
import { headValues } from "../src/train/head.ts";
import { Race } from "../src/train/race.ts";
import { Batch, recordStep, unit } from "../src/train/record.ts";
import type { LayerRank, RunConfig, RunEvent } from "../src/train/run.ts";
import { learningRate } from "../src/train/schedule.ts";
import { train } from "../src/train/trainer.ts";
import { gpu } from "./gpu.ts";
import { modelFiles } from "./model.ts";
import { bits, dataset, disturb, kernels, LANES, openRace, preprocess, program, toyBackbone, toyConfig, toyLane, trained } from "./toy.ts";

type Of<T extends RunEvent["type"]> = Extract<RunEvent, { type: T }>;
const of = <T extends RunEvent["type"]>(events: readonly RunEvent[], type: T) =>
  events.filter((event): event is Of<T> => event.type === type);
const flat = (events: readonly RunEvent[], key: "losses" | "accuracies" | "gradNorms" | "notFinite", lane: number) =>
  of(events, "steps").flatMap((event) => event[key][lane]!);
const all = async (race: Race) =>
  Promise.all(race.lanes.map(async (lane) => [...(await trained(lane))].map(([name, values]) => `${name} ${bits(values)}`)));
afterEach(() => vi.restoreAllMocks());

/** A whole run; `onEvent` may use the controls. */
async function run(
  config: RunConfig,
  onEvent: (event: RunEvent, controls: Controls, race: Race) => unknown = () => undefined,
  paused = false,
  opened?: Race,
) {
  const race = opened ?? (await openRace(config));
  const controls = new Controls(paused);
  const events: RunEvent[] = [];
  for await (const event of train(race, config, controls, openRanker())) {
    events.push(event);
    await onEvent(event, controls, race);
  }
  const end = await all(race);
  return { events, end, race };
}

describe("a run", () => {
  test("tells its story in order, learns, and measures what it says", async () => {
    const config = toyConfig({ steps: 40, batch: 6, clip: 0 });
    const { events, race } = await run(config);
    const types = events.map(({ type }) => type);
    expect(types.slice(0, 3)).toEqual(["status", "validation", "steps"]);
    expect(types.at(-1)).toBe("done");
    expect(types.at(-2)).toBe("rank");
    expect(of(events, "done")).toMatchObject([{ step: 40, stopped: false }]);
    expect(of(events, "steps").flatMap(({ steps }) => steps)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    const measured = of(events, "validation").map(({ step }) => step);
    expect([measured[0], measured.at(-1)]).toEqual([0, 40]);
    // How often depends on how long a measurement takes, but it is at tenths of the run, in order, once each.
    expect(measured.every((step, i) => step % 4 === 0 && (i === 0 || step > measured[i - 1]!))).toBe(true);
    // A measurement never comes before the steps that it measures.
    events.forEach((event, i) => {
      if (event.type !== "validation" && event.type !== "rank") return;
      const told = of(events.slice(0, i), "steps").at(-1)?.steps.at(-1) ?? 0;
      if (event.type === "validation") expect(told).toBe(event.step);
      else expect(told).toBeGreaterThanOrEqual(event.step);
    });
    for (const lane of [0, 1]) {
      const losses = flat(events, "losses", lane);
      const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
      expect(losses).toHaveLength(40);
      expect(mean(losses.slice(-5))).toBeLessThan(0.8 * mean(losses.slice(0, 5)));
      expect(flat(events, "accuracies", lane).every((share) => Number.isInteger(Math.round(6e4 * share) / 1e4))).toBe(true);
      expect(flat(events, "gradNorms", lane).every((norm) => norm > 0 && Number.isFinite(norm))).toBe(true);
      expect(flat(events, "notFinite", lane).every((count) => count === 0)).toBe(true);
      const [first, last] = [of(events, "validation")[0]!, of(events, "validation").at(-1)!];
      expect(last.lanes[lane]!.loss).toBeLessThan(0.8 * first.lanes[lane]!.loss);
    }
    const held = race.setup.split.validation;
    expect(held).toHaveLength(9);
    for (const { lanes } of of(events, "validation")) {
      lanes.forEach(({ accuracy, correct, answers: { predicted } }) => {
        expect(predicted).toHaveLength(9);
        expect(predicted.reduce((sum, label, i) => sum + Number(label === dataset.labels[held[i]!]), 0)).toBe(correct);
        expect(accuracy).toBe(correct / 9);
      });
    }
    for (const { msPerStep, imagesPerSecond } of of(events, "steps")) {
      expect([...msPerStep, imagesPerSecond].every((n) => n > 0 && Number.isFinite(n))).toBe(true);
    }
    race.destroy();
  });

  test("ranks every layer of every lane at the end: LoRA at most r, RandLoRA more", async () => {
    const { events, race } = await run(toyConfig({ steps: 12 }));
    const ranks = of(events, "rank").filter(({ step }) => step === 12);
    expect(ranks.map(({ lane }) => lane)).toEqual([0, 1]);
    const [lora, randlora] = ranks.map(({ layers }) => layers) as [readonly LayerRank[], readonly LayerRank[]];
    for (const layers of [lora, randlora]) {
      expect(layers.map(({ path, block, target }) => ({ path, block, target }))).toEqual(
        race.sites.map(({ path, block, target }) => ({ path, block, target })),
      );
    }
    for (const layer of lora) {
      expect(layer.above1Percent).toBeGreaterThanOrEqual(1);
      expect(layer.above1Percent).toBeLessThanOrEqual(2);
      expect(layer.effectiveRank).toBeLessThan(2.01);
      expect(layer.singularValues).toHaveLength(12);
    }
    for (const layer of randlora) expect(layer.above1Percent).toBeGreaterThan(6);
    race.destroy();
  });

  test("the last rank event is of the trainables as they are at the end", async () => {
    const { events, race } = await run(toyConfig({ steps: 5, lanes: [LANES[0]!] }));
    const weights = await trained(race.lanes[0]!);
    for (const { path, singularValues } of of(events, "rank").at(-1)!.layers) {
      const [a, b] = [weights.get(`${path}.a`)!, weights.get(`${path}.b`)!];
      const site = race.sites.find((one) => one.path === path)!;
      const delta = new Float64Array(site.out * site.in).map((_, i) => {
        const [o, j] = [Math.floor(i / site.in), i % site.in];
        return 2 * (b[2 * o]! * a[j]! + b[2 * o + 1]! * a[site.in + j]!); // α / r = 2
      });
      const frobenius = Math.hypot(...delta);
      expect(Math.abs(Math.hypot(...singularValues) - frobenius)).toBeLessThan(1e-5 * frobenius);
    }
    race.destroy();
  });

  test("the ranks of one event are of one step: a lane twice has the same, while training goes on", async () => {
    const { events, race } = await run(toyConfig({ lanes: [LANES[0]!, LANES[0]!], steps: 100, warmup: 0 }));
    const ranks = of(events, "rank");
    for (const { step, layers } of ranks.filter(({ lane }) => lane === 0)) {
      const other = ranks.find((rank) => rank.lane === 1 && rank.step === step)!;
      expect([...other.layers[0]!.singularValues], `step ${step}`).toEqual([...layers[0]!.singularValues]);
    }
    race.destroy();
  });

  test("the same lane twice has the same losses: both see the same batches", async () => {
    for (const lane of LANES) {
      const { events, end, race } = await run(toyConfig({ lanes: [lane, lane], steps: 10 }));
      expect(flat(events, "losses", 0)).toEqual(flat(events, "losses", 1));
      expect(end[0]).toEqual(end[1]);
      race.destroy();
    }
  });

  test("it is the plain loop over batches(), learningRate() and recordStep(), bit for bit", async () => {
    const config = toyConfig({ steps: 10, warmup: 0.3 });
    const { events, end, race } = await run(config);
    const on = toyBackbone();
    const batchOf = batches(splitDataset(dataset, config).train, config.batch, config.seed);
    const adamw = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: config.weightDecay, clip: config.clip };
    const head = { kind: "linear", classes: 3 } as const;
    for (const [l, laneConfig] of LANES.entries()) {
      const lane = await toyLane(on, laneConfig, headValues(head, 12, config.seed), config.seed);
      const batch = new Batch(on, config.batch);
      const { run: step } = await program(
        recordStep({ backbone: on, batch, head, ...preprocess }, lane, unit(on), config.labelSmoothing, adamw),
        [],
      );
      gpu.device.queue.writeBuffer(batch.count.buffer!, 0, Uint32Array.of(config.batch));
      for (let i = 1; i <= config.steps; i++) {
        const images = [...batchOf(i - 1)];
        gpu.device.queue.writeBuffer(
          batch.labels.buffer!,
          0,
          Uint32Array.from(images, (image) => dataset.labels[image]!),
        );
        for (const [at, image] of images.entries())
          gpu.device.queue.writeBuffer(
            batch.pixels.buffer!,
            768 * at,
            dataset.pixels.packs[0] as Uint8Array<ArrayBuffer>,
            768 * image,
            768,
          );
        lane.trainables.prepare(i, learningRate(laneConfig.lr, i, config), adamw);
        step();
      }
      expect([...(await trained(lane))].map(([name, values]) => `${name} ${bits(values)}`)).toEqual(end[l]);
      const history = await race.figures(l, 1, config.steps);
      expect(flat(events, "losses", l)).toEqual(history.map(({ loss }) => loss));
    }
    race.destroy();
  });

  test("is repeated bit for bit by its seed; another seed, and another order of lanes, do what they should", async () => {
    const config = toyConfig({ steps: 8 });
    const first = await run(config);
    const again = await run(config);
    expect(again.end).toEqual(first.end);
    const prints = (events: readonly RunEvent[]) => of(events, "done")[0]!.fingerprints;
    expect(prints(again.events)).toEqual(prints(first.events));
    expect(prints(first.events)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), expect.stringMatching(/^[0-9a-f]{64}$/)]);
    for (const key of ["losses", "accuracies", "gradNorms"] as const) {
      for (const lane of [0, 1]) expect(flat(again.events, key, lane)).toEqual(flat(first.events, key, lane));
    }
    const swapped = await run({ ...config, lanes: LANES.toReversed() });
    expect(swapped.end).toEqual(first.end.toReversed());
    expect(prints(swapped.events)).toEqual(prints(first.events).toReversed());
    const other = await run({ ...config, seed: config.seed + 1 });
    for (const lane of [0, 1]) expect(flat(other.events, "losses", lane)).not.toEqual(flat(first.events, "losses", lane));
    for (const { race } of [first, again, swapped, other]) race.destroy();
  });

  test("decay, clip and smoothing of the config reach the GPU", async () => {
    const plain = { steps: 4, weightDecay: 0, clip: 0, labelSmoothing: 0, warmup: 0 };
    const first = await run(toyConfig(plain));
    for (const change of [{ weightDecay: 0.5 }, { clip: 0.05 }, { labelSmoothing: 0.2 }, { warmup: 0.5 }]) {
      const other = await run(toyConfig({ ...plain, ...change }));
      for (const lane of [0, 1]) expect(other.end[lane], JSON.stringify(change)).not.toEqual(first.end[lane]);
      other.race.destroy();
    }
    first.race.destroy();
  });
});

describe("controls", () => {
  test("a run that begins paused takes single steps, one for each press, then goes on to the same end", async () => {
    const config = toyConfig({ steps: 12 });
    const straight = await run(config);
    const at: number[] = [];
    const { events, end, race } = await run(
      config,
      async (event, controls, current) => {
        if (event.type !== "paused") return;
        at.push(event.step);
        const ran = vi.spyOn(current, "step");
        await new Promise((resolve) => setTimeout(resolve, 30));
        expect(ran).not.toHaveBeenCalled();
        ran.mockRestore();
        if (event.step === 4) controls.resume();
        else controls.step();
        if (event.step === 2) controls.step(); // pressed twice: two steps
      },
      true,
    );
    expect(at).toEqual([0, 1, 2, 4]);
    expect(of(events, "resumed")).toEqual([{ type: "resumed", step: 4 }]);
    const told = of(events, "steps").map(({ steps }) => steps);
    expect(told.slice(0, 2)).toEqual([[1], [2]]);
    expect(told.flat()).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    expect(of(events, "done")).toMatchObject([{ step: 12, stopped: false }]);
    expect(end).toEqual(straight.end);
    for (const lane of [0, 1]) expect(flat(events, "losses", lane)).toEqual(flat(straight.events, "losses", lane));
    race.destroy();
    straight.race.destroy();
  });

  test("pausing and resuming in the middle changes nothing", async () => {
    const config = toyConfig({ steps: 30 });
    const straight = await run(config);
    const { events, end, race } = await run(config, (event, controls) => {
      // Three single steps end in a pause on every machine; when evaluations after that come depends on their time.
      if (event.type === "validation" && event.step === 0) for (let i = 0; i < 3; i++) controls.step();
      if (event.type === "validation" && event.step > 0) controls.pause();
      if (event.type === "paused") setTimeout(() => controls.resume(), 20);
    });
    expect(of(events, "paused").length).toBeGreaterThanOrEqual(1);
    expect(of(events, "resumed").map(({ step }) => step)).toEqual(of(events, "paused").map(({ step }) => step));
    expect(end).toEqual(straight.end);
    race.destroy();
    straight.race.destroy();
  });

  test("stopping ends the run with all that was measured, from a pause as well", async () => {
    for (const paused of [false, true]) {
      const { events, race } = await run(
        toyConfig({ steps: 1000 }),
        (event, controls) => {
          if (event.type === "paused" && event.step < 3) controls.step();
          else if (event.type === "steps" || event.type === "paused") controls.stop();
        },
        paused,
      );
      const { step, stopped } = of(events, "done")[0]!;
      expect(stopped).toBe(true);
      expect(step).toBeLessThan(1000);
      expect(of(events, "steps").flatMap(({ steps }) => steps)).toEqual(Array.from({ length: step }, (_, i) => i + 1));
      expect(of(events, "validation").at(-1)!.step).toBe(step);
      expect(of(events, "rank").filter((rank) => rank.step === step)).toHaveLength(2);
      expect(events.at(-1)!.type).toBe("done");
      race.destroy();
    }
  });
});

test("what the model knew before training is measured on the images of the test; what nobody knows any more is not told", async () => {
  const size = 64;
  const noise = (i: number) => (40 * (i % 7) + 90 * (Math.floor(i / (3 * size ** 2)) % 2)) % 256;
  const pixels = inMemory(
    Uint8Array.from({ length: 12 * 3 * size ** 2 }, (_, i) => noise(i)),
    12,
  );
  const labels = Uint32Array.from({ length: 12 }, (_, i) => i % 2);
  const small = {
    name: "two",
    classes: ["plain", "striped", "dog", "car", "tree", "house"],
    size,
    pixels,
    labels,
    sources: [...labels.keys()].map(String),
  };
  const config = toyConfig({ head: { kind: "text", template: "a photo of {class}." }, test: 0.4, lanes: [LANES[0]!], steps: 2, batch: 2 });
  const backbone = new Backbone(gpu, kernels, modelFiles());
  const split = splitDataset(small, config);
  const plan = {
    backbone,
    config,
    dataset: small,
    split,
    preprocess: { ...preprocess, resize: size, crop: size },
    onStatus: () => undefined,
  };
  const opened = await Race.open(plan);
  // The test's classes are what the untrained model says, and what is trained is made to say something else.
  const untrained = await opened.evaluate(0, split.test);
  split.test.forEach((image, i) => {
    labels[image] = untrained.answers.predicted[i]!;
  });
  const { events, race } = await run(
    config,
    (event, _, { lanes: [lane] }) => event.type === "validation" && event.step === 2 && disturb(lane!, 0.3),
    false,
    opened,
  );
  const [tested] = of(events, "test");
  expect(tested?.lanes[0]?.answers.predicted).toHaveLength(split.test.length);
  expect(tested?.lanes[0]?.accuracy).toBeLessThan(1);
  expect(tested?.before).toBe(1);
  race.destroy();
  backbone.destroy();

  const linear = await run(toyConfig({ steps: 1, test: 0.25 }));
  expect(of(linear.events, "test")[0]?.before).toBeNull();
  linear.race.destroy();
});

test.each([0, 1])("numbers that are not finite in lane %i end the run; what is trained stays finite", async (bad) => {
  const lanes = LANES.map((lane, l) => (l === bad ? { ...lane, lr: 1e9 } : lane));
  const { events, race } = await run(toyConfig({ lanes, warmup: 0, clip: 0, steps: 500, weightDecay: 0 }));
  const failed = events.at(-1) as Of<"failed">;
  expect(failed).toMatchObject({ type: "failed", lane: bad, fault: { kind: "nan" } });
  expect(failed.fault.what).toBe(`${bad ? "RandLoRA" : "LoRA"} produced numbers that are not finite at step ${failed.step}.`);
  expect(failed.fault.kept).toContain(`step ${failed.step! - 1}`);
  expect(failed.fault.todo).toContain("3e+8");
  expect(flat(events, "notFinite", bad)[failed.step! - 1]).toBeGreaterThan(0);
  expect(
    flat(events, "notFinite", bad)
      .slice(0, failed.step! - 1)
      .every((n) => n === 0),
  ).toBe(true);
  expect(events.map(({ type }) => type)).not.toContain("done");
  for (const lane of race.lanes) for (const values of (await trained(lane)).values()) expect(values.every(Number.isFinite)).toBe(true);
  race.destroy();
});

/** A race between its events: figures, evaluation, predictions, memory; a session around it; and faults in words. */
import { describe, expect, test, vi } from "vitest";
import { batches } from "../src/data/batch.ts";
import type { Dataset } from "../src/data/dataset.ts";
import { splitDataset } from "../src/data/split.ts";
import { type Gpu, NoGpuError } from "../src/gpu/device.ts";
import { classWeights } from "../src/train/balance.ts";
import { Controls } from "../src/train/controls.ts";
import { faultOf } from "../src/train/fault.ts";
import { prompts } from "../src/train/head.ts";
import { InputError } from "../src/train/input.ts";
import { RING } from "../src/train/optimizer.ts";
import { Race } from "../src/train/race.ts";
import type { RunConfig, RunEvent } from "../src/train/run.ts";
import { runSession } from "../src/train/session.ts";
import { gpu } from "./gpu.ts";
import {
  dataset,
  disturb,
  LANES,
  openRace,
  preprocess,
  preprocessJson,
  toyBackbone,
  toyConfig,
  toyDataset,
  toyFiles,
  toyWeights,
} from "./toy.ts";

const image = (i: number): Uint8Array => (dataset.pixels.packs[0] as Uint8Array).slice(768 * i, 768 * (i + 1));
const opening = { backbone: toyBackbone(), preprocess };
const splitOf = (config: RunConfig) => splitDataset(dataset, config);

describe("figures", () => {
  test("the ring keeps the last 1024 steps", async () => {
    const race = await openRace(toyConfig({ steps: 3000, lanes: [LANES[0]!] }));
    const at = async (step: number) => {
      race.step(step);
      return (await race.figures(0, step, step))[0]!;
    };
    const first = await at(1);
    const told = [];
    for (let step = RING - 1; step <= RING + 2; step++) told.push(await at(step));
    expect(new Set(told.map(({ loss }) => loss)).size).toBe(4);
    expect(await race.figures(0, RING - 1, RING + 2)).toEqual(told);
    expect((await race.figures(0, 1, 1))[0]).toEqual(told[2]); // step 1025 lies where step 1 lay
    expect(told[2]).not.toEqual(first);
    expect(await race.figures(0, 3, RING + 2)).toHaveLength(RING);
    await expect(race.figures(0, 2, RING + 2)).rejects.toThrow("at most 1024");
    race.destroy();
  });

  test("the first loss is the smoothed cross entropy of the predictions for the first batch", async () => {
    for (const labelSmoothing of [0, 0.3]) {
      const config = toyConfig({ labelSmoothing });
      const race = await openRace(config);
      const images = [...batches(splitOf(config).train, config.batch, config.seed)(0)];
      let [loss, right] = [0, 0];
      for (const i of images) {
        const p = (await race.predict(image(i))).lanes[0]!;
        const label = dataset.labels[i]!;
        for (const [c, share] of p.entries()) loss -= ((c === label ? 1 - labelSmoothing : 0) + labelSmoothing / 3) * Math.log(share);
        right += Number(p.indexOf(Math.max(...p)) === label);
      }
      race.step(1);
      const [figures] = await race.figures(0, 1, 1);
      expect(figures!.loss).toBeCloseTo(loss / images.length, 5);
      expect(figures!.accuracy).toBeCloseTo(right / images.length, 6);
      race.destroy();
    }
  });
});

describe("class weights", () => {
  // 20 training images: 12 red, 6 green, 2 blue.
  const labels = dataset.labels.map((_, i) => (i % 10 < 6 ? 0 : i % 10 < 9 ? 1 : 2));
  const unequal = { ...dataset, labels };
  const train = Uint32Array.from({ length: 20 }, (_, i) => i);

  test("are n / (C · n_class) of the training images", () => {
    expect([...classWeights(unequal, train)]).toEqual([20 / (3 * 12), 20 / (3 * 6), 20 / (3 * 2)].map(Math.fround));
    // Without training images a class has no weight, and the others share what there is.
    expect([...classWeights(unequal, Uint32Array.of(0, 1, 6))]).toEqual([0.75, 1.5, 0]);
    expect([...classWeights(dataset, train.subarray(0, 18))]).toEqual([1, 1, 1]);
  });

  test("make the first loss the weighted mean of the predictions' for the first batch", async () => {
    const config = toyConfig({ labelSmoothing: 0, balance: true, batch: 10 });
    const split = { train, validation: Uint32Array.of(20), test: new Uint32Array() };
    const weights = classWeights(unequal, train);
    const [race, plain] = await Promise.all(
      [true, false].map((balance) =>
        Race.open({ ...opening, config: { ...config, balance }, dataset: unequal, split, onStatus: () => undefined }),
      ),
    );
    let [loss, total] = [0, 0];
    for (const i of batches(train, config.batch, config.seed)(0)) {
      const p = (await race!.predict(image(i))).lanes[0]!;
      loss -= weights[labels[i]!]! * Math.log(p[labels[i]!]!);
      total += weights[labels[i]!]!;
    }
    race!.step(1);
    plain!.step(1);
    expect((await race!.figures(0, 1, 1))[0]!.loss).toBeCloseTo(loss / total, 5);
    expect((await plain!.figures(0, 1, 1))[0]!.loss).not.toBeCloseTo(loss / total, 5);
    // The gradient's size is weighted as well; what is right is counted as ever.
    expect((await race!.figures(0, 1, 1))[0]!.gradNorm).not.toBe((await plain!.figures(0, 1, 1))[0]!.gradNorm);
    expect((await race!.figures(0, 1, 1))[0]!.accuracy).toBe((await plain!.figures(0, 1, 1))[0]!.accuracy);
    race!.destroy();
    plain!.destroy();
  });
});

describe("evaluation", () => {
  // 9 validation images: whole batches, a last one of 1, a last one of 4, a batch larger than all.
  test.each([3, 4, 5, 16])("in batches of %i is the evaluation of one image at a time", async (batch) => {
    const config = toyConfig({ batch, validation: 0.3, labelSmoothing: 0.3 });
    const race = await openRace(config);
    const images = [...splitOf(config).validation];
    expect(images).toHaveLength(9);
    for (let step = 1; step <= 5; step++) race.step(step);
    for (const lane of [0, 1]) {
      await disturb(race.lanes[lane]!, 0.02);
      const probabilities = [];
      for (const i of images) probabilities.push((await race.predict(image(i))).lanes[lane]!);
      const labels = images.map((i) => dataset.labels[i]!);
      const hits = probabilities.map((p, i) => Number(p.indexOf(Math.max(...p)) === labels[i]));
      const loss = probabilities.reduce((sum, p, i) => sum - Math.log(p[labels[i]!]!), 0) / images.length;
      const score = await race.evaluate(lane, Uint32Array.from(images));
      const { predicted, confidence, truth } = score.answers;
      expect(Array.from(predicted, (label, i) => Number(label === labels[i]))).toEqual(hits);
      probabilities.forEach((p, i) => {
        expect(confidence[i]).toBeCloseTo(Math.max(...p), 5);
        expect(truth[i]).toBeCloseTo(p[labels[i]!]!, 5);
      });
      expect(score.correct).toBe(hits.reduce((a, b) => a + b, 0));
      expect(score.accuracy).toBe(score.correct / images.length);
      expect(score.loss).toBeCloseTo(loss, 5);
      expect(probabilities.every((p) => Math.abs(p.reduce((a, b) => a + b, 0) - 1) < 1e-5)).toBe(true);
      expect(await race.evaluate(lane, Uint32Array.from(images))).toEqual(score);
    }
    race.destroy();
  });

  test("changes nothing that trains, and knows no model before training with a linear head", async () => {
    const config = toyConfig();
    const [straight, measured] = [await openRace(config), await openRace(config)];
    for (let step = 1; step <= 6; step++) {
      straight.step(step);
      measured.step(step);
      await measured.evaluate(step % 2, measured.setup.split.validation);
      await measured.predict(image(step));
      measured.snapshot();
      for await (const { delta } of measured.deltas(1)) expect(delta.every(Number.isFinite)).toBe(true);
    }
    for (const lane of [0, 1]) {
      expect(await measured.fingerprint(lane)).toBe(await straight.fingerprint(lane));
      expect(await measured.figures(lane, 1, 6)).toEqual(await straight.figures(lane, 1, 6));
    }
    await expect(measured.evaluate(-1, Uint32Array.of(0))).rejects.toThrow("A linear head has no predictions before training");
    expect(await measured.predict(image(0))).not.toHaveProperty("before");
    straight.destroy();
    measured.destroy();
  });
});

/** Bytes of every buffer that is created meanwhile, by label. */
async function allocations<T>(work: () => Promise<T>): Promise<{ result: T; bytes(pattern: RegExp): number }> {
  const sizes: [string, number][] = [];
  const create = gpu.device.createBuffer.bind(gpu.device);
  const spy = vi.spyOn(gpu.device, "createBuffer").mockImplementation((descriptor) => {
    const buffer = create(descriptor);
    sizes.push([descriptor.label ?? "", buffer.size]);
    return buffer;
  });
  const result = await work();
  spy.mockRestore();
  return { result, bytes: (pattern) => sizes.reduce((sum, [label, size]) => (pattern.test(label) ? sum + size : sum), 0) };
}

test("the memory that is told is the memory that is taken", async () => {
  const model = await allocations(async () => toyBackbone());
  const { result: race, bytes } = await allocations(() => openRace(toyConfig(), model.result));
  const { weights, activations, lanes } = race.memory;
  expect(weights).toBe(model.bytes(/./));
  const numbers = [...toyWeights().values()];
  expect(weights).toBe(numbers.reduce((sum, { data }) => sum + Math.max(16, data.byteLength), 0));
  expect(activations).toBe(bytes(/^arena/));
  const sum = (key: "trainable" | "optimizer" | "frozen") => lanes.reduce((total, lane) => total + lane[key], 0);
  expect(sum("trainable")).toBe(bytes(/^trainables$/));
  expect(sum("optimizer")).toBe(bytes(/^(gradients|mean|variance|hyper|history)$/));
  expect(sum("frozen")).toBe(bytes(/^(basis[AB]|levels)$/));
  expect(lanes[0]!.frozen).toBe(0);
  for (const [l, { parameters }] of race.lanes.entries()) expect(lanes[l]!.trainable).toBeGreaterThanOrEqual(4 * parameters);
  race.destroy();
});

describe("a session", () => {
  const collect = async (config: RunConfig, images: Dataset = dataset, on: Gpu = gpu) => {
    const events: RunEvent[] = [];
    const races: Race[] = [];
    const session = { config, dataset: images, files: toyFiles(), preprocess: preprocessJson };
    for await (const event of runSession(on, session, new Controls(), (race) => races.push(race))) events.push(event);
    return { events, races };
  };

  test("goes from its files to its last event", async () => {
    const { events, races } = await collect(toyConfig({ steps: 4 }));
    const types = events.map(({ type }) => type);
    const ready = events.findIndex(({ type }) => type === "ready");
    expect(new Set(types.slice(0, ready))).toEqual(new Set(["status"]));
    expect(types.slice(ready, ready + 4)).toEqual(["ready", "status", "validation", "steps"]);
    expect(types.at(-1)).toBe("done");
    const progress = events
      .slice(0, ready)
      .flatMap((event) => (event.type === "status" && event.progress !== undefined ? [event.progress] : []));
    expect(progress.at(-1)).toBe(1);
    expect(progress.toSorted((a, b) => a - b)).toEqual(progress);
    expect(races).toHaveLength(1);
    const { lanes, memory } = races[0]!;
    expect(events[ready]).toMatchObject({
      gpu: gpu.name,
      software: gpu.software,
      memory,
      lanes: lanes.map(({ parameters }) => ({ parameters })),
    });
    races[0]!.destroy();
  });

  test("refuses what it cannot train on, and says what to do", async () => {
    await expect(collect(toyConfig(), toyDataset(4, 1))).rejects.toThrow("There is only one class.");
    await expect(collect(toyConfig({ lanes: [] }))).rejects.toThrow("There is no method in the race.");
    await expect(collect(toyConfig({ lanes: [{ method: "magic", settings: {}, lr: 1 }] }))).rejects.toThrow(
      /There is no method "magic"; there are .*lora/,
    );
    await expect(collect(toyConfig({ head: { kind: "text", template: "a {class}" } }))).rejects.toThrow("comes without its tokenizer");
    expect(() => prompts("a photo", ["cat"])).toThrow('The prompt "a photo" does not hold {class}.');
    expect(prompts("{class}, {class}!", ["a", "b"])).toEqual(["a, a!", "b, b!"]);
  });

  test("trains without validation images, with a class of one image, and with a batch larger than the images", async () => {
    const one = { ...dataset, labels: dataset.labels.map((label, i) => (i === 0 ? 2 : label === 2 ? 1 : label)) };
    for (const [config, images] of [
      [{ validation: 0, batch: 4 }, dataset],
      [{ validation: 0.25, batch: 4 }, one],
      [{ validation: 0.25, batch: 64 }, dataset],
    ] as const) {
      const { events, races } = await collect(toyConfig({ steps: 3, ...config }), images);
      expect(events.at(-1)).toMatchObject({ type: "done", step: 3 });
      const losses = events.flatMap((event) => (event.type === "steps" ? event.losses.flat() : []));
      expect(losses).toHaveLength(6);
      expect(losses.every(Number.isFinite)).toBe(true);
      races[0]!.destroy();
    }
  });

  test("a fault of the GPU ends it", async () => {
    const fault = Promise.reject(new Error("The graphics device was lost (unknown): gone"));
    fault.catch(() => undefined);
    await expect(collect(toyConfig(), dataset, { ...gpu, fault })).rejects.toThrow("was lost");
  });
});

test.each([
  [new InputError("No images.", "Add some."), "input", "Add some."],
  [new NoGpuError("This browser has no WebGPU."), "no-gpu", "Use a current Chrome"],
  [new Error("The graphics device was lost (unknown): gone"), "lost", "Press Train to start again"],
  [
    new Error("Setting up the step: the GPU has not enough memory. Use a smaller batch or fewer lanes. ()"),
    "memory",
    "Halve the batch or remove a lane",
  ],
  [new Error("WebGPU error: [Buffer] is destroyed"), "gpu-error", "Reload the page"],
  [new Error("undefined is not a function"), "internal", "Reload the page"],
  ["a string", "internal", "Reload the page"],
])("a fault in words: %s", (error, kind, todo) => {
  const fault = faultOf(error);
  expect(fault.kind).toBe(kind);
  expect(fault.what).toBe(error instanceof Error ? error.message : error);
  expect(fault.todo).toContain(todo);
  expect(fault.kept).toContain("Your images");
});

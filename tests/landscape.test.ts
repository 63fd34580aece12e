/** The loss surface through three lanes of the toy: its corners, its middle and its geometry. */
import { describe, expect, test } from "vitest";
import { coarseFirst, completeStride, netAround, planeOf, type Shares, sharesAt } from "../src/analysis/plane.ts";
import { inMemory } from "../src/data/pixels.ts";
import { splitDataset } from "../src/data/split.ts";
import { upload } from "../src/gpu/memory.ts";
import { crossentropy } from "../src/ops/crossentropy.ts";
import { normalize } from "../src/ops/normalize.ts";
import { runOnce } from "../src/tensor/once.ts";
import { Tape } from "../src/tensor/tape.ts";
import { type Tensor, tensor } from "../src/tensor/tensor.ts";
import { Backbone } from "../src/train/backbone.ts";
import { frozenPass } from "../src/train/frozen.ts";
import { classify, HEAD, headValues } from "../src/train/head.ts";
import { Landscape, surfaceImages } from "../src/train/landscape.ts";
import { PaperDesk } from "../src/train/paper.ts";
import { Race } from "../src/train/race.ts";
import { Batch } from "../src/train/record.ts";
import { gpu } from "./gpu.ts";
import { modelFiles } from "./model.ts";
import { disturb, kernels, LANES, openRace, preprocess, toyConfig, trained } from "./toy.ts";

const FULL = { method: "full", settings: {}, lr: 1e-3 };
const THREE = [...LANES, FULL];

async function trainedRace(steps: number, lanes: Race["setup"]["config"]["lanes"] = THREE): Promise<Race> {
  const race = await openRace(toyConfig({ lanes, steps: 20, warmup: 0 }));
  for (let step = 1; step <= steps; step++) race.step(step);
  return race;
}

/** Every tensor of W₀ + Σ share · ΔW, merged in float64 from what the lanes trained. */
async function mergedByHand(race: Race, shares: readonly number[]): Promise<Map<string, Float32Array>> {
  const { backbone, config } = race.setup;
  const start = headValues(race.head, backbone.model.image.width, config.seed);
  const base = new Map(backbone.parameters.map(({ name, shape }) => [name, Float64Array.from(backbone.checkpoint.tensor(name, shape))]));
  for (const [name, { data }] of start) base.set(name, Float64Array.from(data));
  const merged = new Map([...base].map(([name, values]) => [name, values.slice()]));
  const put = (name: string, share: number, delta: (i: number) => number) => {
    const into = merged.get(name)!;
    for (let i = 0; i < into.length; i++) into[i] = into[i]! + share * delta(i);
  };
  for (const [l, lane] of race.lanes.entries()) {
    const values = await trained(lane);
    for (const name of [...start.keys(), ...lane.own.keys()]) put(name, shares[l]!, (i) => values.get(name)![i]! - base.get(name)![i]!);
  }
  race.snapshot();
  for (const lane of [0, 1])
    for await (const { site, delta } of race.deltas(lane)) put(`${site.path}.weight`, shares[lane]!, (i) => delta[i]!);
  return new Map([...merged].map(([name, values]) => [name, Float32Array.from(values)]));
}

/** Loss and accuracy of the model with these tensors, image by image. */
async function evaluated(
  race: Race,
  weights: ReadonlyMap<string, Float32Array>,
  images: Uint32Array,
): Promise<{ loss: number; accuracy: number }> {
  const { backbone } = race.setup;
  const batch = new Batch(backbone, images.length);
  race.load(batch, images);
  gpu.device.queue.writeBuffer(batch.count.buffer!, 0, Uint32Array.of(images.length));
  const shapes = new Map(backbone.parameters.map(({ name, shape }) => [name, shape]));
  const shapeOf = (name: string) => shapes.get(name) ?? (name === HEAD.weight ? [3, backbone.model.image.width] : [3]);
  const own = new Map<string, Tensor>(
    [...weights].map(([name, data]) => [name, tensor(shapeOf(name), { buffer: upload(gpu, data, name) })]),
  );
  const tape = new Tape(gpu.software);
  const pixels = tape.apply(normalize, { pixels: batch.pixels }, { size: 16, mean: preprocess.mean, std: preprocess.std });
  const logits = classify(frozenPass(tape), backbone.through(own).model, pixels, race.head, (name) => own.get(name)!);
  const { saved } = tape.record(crossentropy, { logits, labels: batch.labels, count: batch.count }, { smoothing: 0 });
  const [rows] = await runOnce(gpu, kernels, tape, [saved.rows!]);
  const mean = (offset: number) => images.reduce((sum, _, i) => sum + rows![2 * i + offset]! / images.length, 0);
  return { loss: mean(0), accuracy: mean(1) };
}

const near = (got: number, want: number) => expect(Math.abs(got - want)).toBeLessThan(2e-5 * (1 + Math.abs(want)));

describe("the surface", () => {
  test("at its corners it is each lane's own evaluation, and at W₀ the model before training", async () => {
    const race = await trainedRace(8);
    const surface = await Landscape.open(race, [0, 1, 2]);
    expect(surface.step).toBe(8);
    const corners: Shares[] = [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ];
    const losses = [];
    for (const [lane, shares] of corners.entries()) {
      const own = await race.evaluate(lane, surface.images);
      const { loss, accuracy } = await surface.at(shares);
      near(loss, own.loss);
      expect(accuracy).toBe(own.accuracy);
      losses.push(loss);
    }
    expect(new Set(losses.map((loss) => loss.toFixed(4))).size).toBe(3);
    const fresh = await trainedRace(0);
    near((await surface.at([0, 0, 0])).loss, (await fresh.evaluate(0, surface.images)).loss);
    surface.destroy();
    for (const one of [race, fresh]) one.destroy();
  });

  test("between and beyond them it is the merge in float64: weights, biases, norms and heads", async () => {
    const race = await trainedRace(4);
    for (const lane of race.lanes) await disturb(lane, 0.05);
    const surface = await Landscape.open(race, [0, 1, 2]);
    for (const shares of [
      [0.5, 0, 0.5],
      [0.2, 0.3, 0.5],
      [1.4, -0.7, 0.3],
    ] as const) {
      const want = await evaluated(race, await mergedByHand(race, shares), surface.images);
      const got = await surface.at(shares);
      near(got.loss, want.loss);
      expect(got.accuracy).toBeCloseTo(want.accuracy, 6);
    }
    surface.destroy();
    race.destroy();
  });

  test("distances are those of the weights", async () => {
    const race = await trainedRace(5);
    const surface = await Landscape.open(race, [0, 1, 2]);
    const sets = await Promise.all(
      [
        [0, 0, 0],
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ].map((shares) => mergedByHand(race, shares)),
    );
    const distance = (a: number, b: number) => {
      let sum = 0;
      for (const [name, values] of sets[a]!) for (const [i, value] of values.entries()) sum += (value - sets[b]!.get(name)![i]!) ** 2;
      return Math.sqrt(sum);
    };
    const { points, foot, away, flat } = planeOf(await surface.products());
    const between = (p: readonly [number, number], q: readonly [number, number]) => Math.hypot(p[0] - q[0], p[1] - q[1]);
    for (const [i, j] of [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const)
      expect(between(points[i], points[j]) / distance(i + 1, j + 1)).toBeCloseTo(1, 4);
    for (const i of [0, 1, 2]) expect(Math.hypot(between(points[i]!, foot), away) / distance(i + 1, 0)).toBeCloseTo(1, 4);
    expect(flat).toBe(false);
    surface.destroy();
    race.destroy();
  });

  test("it stays while training goes on, and training goes on as if nobody looked", async () => {
    const race = await trainedRace(3);
    const surface = await Landscape.open(race, [0, 1, 2]);
    const before = await surface.at([0.3, 0.3, 0.4]);
    for (let step = 4; step <= 6; step++) {
      race.step(step);
      await surface.at([0.1, 0.1, 0.8]);
    }
    expect(await surface.at([0.3, 0.3, 0.4])).toEqual(before);
    const alone = await trainedRace(6);
    for (const lane of [0, 1, 2]) expect(await race.fingerprint(lane)).toBe(await alone.fingerprint(lane));
    surface.destroy();
    for (const one of [race, alone]) one.destroy();
  });

  test("a lane of NaN spoils only the places in which it has a part", async () => {
    const race = await trainedRace(2);
    const { tensors } = race.lanes[1]!.trainables;
    const { buffer, offset } = [...tensors.values()][0]!;
    gpu.device.queue.writeBuffer(buffer!, offset, Float32Array.of(Number.NaN));
    const surface = await Landscape.open(race, [0, 1, 2]);
    expect((await surface.at([0.5, 0.1, 0.4])).loss).toBeNaN();
    expect((await surface.at([0.5, 0, 0.5])).loss).toBeGreaterThan(0);
    surface.destroy();
    race.destroy();
  });

  test("with one lane the model before training takes the other places", async () => {
    const race = await trainedRace(4, [LANES[0]!]);
    const desk = new PaperDesk(race);
    const parts = [];
    for await (const part of desk.answer({ type: "plane", id: 7, vertices: [0, -1, -1] })) parts.push(part);
    expect(parts).toMatchObject([{ type: "plane", step: 4, more: false, plane: { flat: true, images: 12, away: 0 } }]);
    const heights = [];
    const shares: Shares[] = [
      [1, 0, 0],
      [0, 1, 0],
      [0.5, 0.5, 0],
    ];
    for await (const part of desk.answer({ type: "heights", id: 8, plane: 7, shares })) heights.push(part);
    expect(heights).toMatchObject([
      { done: 1, more: true },
      { done: 2, more: true },
      { done: 3, all: 3, more: false },
    ]);
    await expect(desk.answer({ type: "heights", id: 9, plane: 3, shares }).next()).rejects.toThrow("gone");
    const cancelled = desk.answer({ type: "heights", id: 10, plane: 7, shares });
    await cancelled.next();
    desk.cancel(10);
    await expect(cancelled.next()).rejects.toThrow(/abort/i);
    desk.close();
    race.destroy();
  });

  test("16-bit weights, class prompts and a trained text tower are in it too", async () => {
    const size = 64;
    const labels = Uint32Array.from({ length: 12 }, (_, i) => i % 2);
    const pixels = Uint8Array.from(
      { length: 12 * 3 * size ** 2 },
      (_, i) => (40 * (i % 7) + 90 * (Math.floor(i / (3 * size ** 2)) % 2)) % 256,
    );
    const small = {
      name: "two",
      classes: ["plain", "striped"],
      size,
      pixels: inMemory(pixels, 12),
      labels,
      sources: [...labels.keys()].map(String),
    };
    const config = toyConfig({
      head: { kind: "text", template: "a photo of {class}." },
      targets: { image: ["q"], text: ["q"] },
      lanes: [LANES[0]!],
      batch: 2,
    });
    const on = new Backbone(gpu, kernels, modelFiles());
    const setup = {
      preprocess: { ...preprocess, resize: size, crop: size },
      dataset: small,
      split: splitDataset(small, config),
      onStatus: () => undefined,
    };
    const race = await Race.open({ backbone: on, config, ...setup });
    await disturb(race.lanes[0]!, 0.02);
    expect(on.sites.find(({ target, tower }) => target === "q" && tower === "image")!.weight.type).toBe("f16");
    const surface = await Landscape.open(race, [0, -1, -1]);
    for (const [lane, shares] of [
      [0, [1, 0, 0]],
      [-1, [0, 0.5, 0.5]],
    ] as const) {
      const want = await race.evaluate(lane, surface.images);
      const got = await surface.at(shares);
      expect(Math.abs(got.loss - want.loss)).toBeLessThan(1e-3 * (1 + want.loss));
    }
    expect((await surface.at([1, 0, 0])).loss).not.toBeCloseTo((await surface.at([0, 0, 0])).loss, 3);
    surface.destroy();
    race.destroy();
    on.destroy();
  });

  test("its images are of every class alike, drawn by the seed: 5 %, but a few at least and a thousand at most", () => {
    const labels = Uint32Array.from({ length: 3000 }, (_, i) => (i < 2000 ? 0 : i < 2990 ? 1 : 2));
    const train = Uint32Array.from(labels.keys());
    const images = surfaceImages(train, labels, 1);
    const counts = [0, 1, 2].map((label) => images.filter((image) => labels[image] === label).length);
    expect(counts).toEqual([100, 50, 4]);
    expect(new Set(images).size).toBe(154);
    expect([...surfaceImages(train, labels, 1)]).toEqual([...images]);
    expect([...surfaceImages(train, labels, 2)]).not.toEqual([...images]);
    const many = Uint32Array.from({ length: 100_000 }, (_, i) => i);
    expect(
      surfaceImages(
        many,
        many.map((i) => i % 10),
        1,
      ),
    ).toHaveLength(1020);
  });
});

describe("its geometry", () => {
  // A, B, C = np.array([1, 2, 0, 1]), np.array([4, 2, 1, 0]), np.array([0, 5, 2, 1]); u = B - A; e1 = u / |u|; v = C - A - (C - A)@e1 * e1; e2 = v / |v|
  test("is NumPy's", () => {
    const points = [
      [1, 2, 0, 1],
      [4, 2, 1, 0],
      [0, 5, 2, 1],
    ];
    const products = points.flatMap((a) => points.map((b) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)));
    const plane = planeOf(products);
    const got = [...plane.points.flat(), ...plane.foot, plane.away];
    [
      0.0, 0.0, 3.3166247903554, 0.0, -0.30151134457776363, 3.7294893630483665, -0.6030226891555273, -1.3894176058415484,
      1.9250668437592438,
    ].forEach((value, i) => {
      expect(got[i]).toBeCloseTo(value, 10);
    });
    expect(plane.flat).toBe(false);
    for (const [at, point] of plane.points.entries()) {
      sharesAt(plane, point).forEach((share, i) => {
        expect(share).toBeCloseTo(Number(i === at), 12);
      });
    }
    expect(sharesAt(plane, plane.foot).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  test("points on a line, on one another, or at zero span no plane", () => {
    const flat = (...points: number[][]) =>
      planeOf(points.flatMap((a) => points.map((b) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)))).flat;
    expect(flat([1, 0], [2, 0], [3, 0])).toBe(true);
    expect(flat([1, 1], [1, 1], [0, 3])).toBe(true);
    expect(flat([1, 1], [0, 3], [1, 1])).toBe(true);
    expect(flat([0, 0], [0, 0], [0, 0])).toBe(true);
    expect(flat([Number.NaN, 0], [0, 1], [1, 1])).toBe(true);
    expect(flat([0, 0], [1, 0], [0, 1])).toBe(false);
  });

  test("the net holds the corners and W₀'s foot with room around, and is walked from coarse to fine, each place once", () => {
    const plane = planeOf([9, 1, 0, 1, 4, 0, 0, 0, 2]);
    const net = netAround(plane);
    expect(Math.max(net.columns, net.rows)).toBe(25);
    for (const [x, y] of [...plane.points, plane.foot]) {
      expect((x - net.left) / net.step).toBeGreaterThan(1);
      expect((x - net.left) / net.step).toBeLessThan(net.columns - 2);
      expect((y - net.low) / net.step).toBeGreaterThan(1);
      expect((y - net.low) / net.step).toBeLessThan(net.rows - 2);
    }
    const order = coarseFirst(net);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: net.columns * net.rows }, (_, i) => i));
    const strides = [0, 1, order.length].map((count) => completeStride(net, (index) => order.indexOf(index) < count));
    expect(strides).toEqual([undefined, undefined, 1]);
    const coarse = ((net.columns - 1) / 8 + 1) * ((net.rows - 1) / 8 + 1);
    expect(completeStride(net, (index) => order.indexOf(index) < coarse)).toBe(8);
  });
});

/** Analyses of a race on the toy, from the GPU to their numbers. */
import { describe, expect, test } from "vitest";
import { openAnalyst } from "../src/analysis/analyst.ts";
import { ckaTable, gramOf } from "../src/analysis/cka.ts";
import { frobenius, leadingDirections } from "../src/analysis/subspace.ts";
import { normalize } from "../src/ops/normalize.ts";
import { Tape } from "../src/tensor/tape.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { frozenPass } from "../src/train/frozen.ts";
import { overlaps } from "../src/train/overlap.ts";
import { PaperDesk } from "../src/train/paper.ts";
import type { Race } from "../src/train/race.ts";
import { Batch } from "../src/train/record.ts";
import { featuresOf, spreadOver } from "../src/train/representation.ts";
import { relativeError } from "./model.ts";
import { disturb, LANES, openRace, preprocess, program, toyConfig } from "./toy.ts";

const FULL = { method: "full", settings: {}, lr: 1e-3 };
const PROBE = { method: "probe", settings: {}, lr: 1e-2 };

/** A race after some steps. */
async function trainedRace(steps: number, lanes: Race["setup"]["config"]["lanes"] = [...LANES, FULL]): Promise<Race> {
  const race = await openRace(toyConfig({ lanes, steps: 20, warmup: 0 }));
  for (let step = 1; step <= steps; step++) race.step(step);
  return race;
}

describe("shared directions of a race", () => {
  test("every changed layer once, with the directions of the ΔW of the snapshot", async () => {
    const race = await trainedRace(6, [...LANES, FULL, PROBE]);
    race.snapshot();
    race.step(7); // what comes after the snapshot is not in it
    const found = [];
    for await (const part of overlaps(race, openAnalyst())) found.push(part);
    expect(found.map(({ layer }) => layer.path)).toEqual(race.sites.map(({ path }) => path));
    expect(found.every(({ all }) => all === race.sites.length)).toBe(true);
    for (const { layer } of found) {
      const [weight, lora, randlora, full, probe] = layer.counts;
      expect([weight, lora, probe]).toEqual([12, 2, 0]);
      expect(randlora).toBeGreaterThan(6);
      expect(full).toBeGreaterThan(6);
      expect(layer.pairs).toHaveLength(10);
    }
    for await (const { site, delta } of race.deltas(0)) {
      const { layer } = found.find(({ layer: { path } }) => path === site.path)!;
      const norm = Math.hypot(...leadingDirections(delta, site.out, site.in, 64).sigma);
      expect(Math.abs(norm - frobenius(delta))).toBeLessThan(1e-5 * norm);
      expect(layer.amplifications[0]).toHaveLength(2);
    }
    expect(race.taken).toBe(6);
    race.destroy();
  });

  test("the desk answers layer by layer, says of which step, and stops when it is told to", async () => {
    const race = await trainedRace(3);
    const desk = new PaperDesk(race);
    const parts = [];
    for await (const part of desk.answer({ type: "overlap", id: 1 })) parts.push(part as Extract<typeof part, { type: "overlap" }>);
    expect(parts.map(({ more }) => more)).toEqual([...Array<boolean>(race.sites.length - 1).fill(true), false]);
    expect(parts.every(({ step }) => step === 3)).toBe(true);
    const some = desk.answer({ type: "overlap", id: 2 });
    await some.next();
    desk.cancel(2);
    await expect(some.next()).rejects.toThrow(/abort/i);
    race.destroy();
  });

  test("before the first step there is nothing to compare but the frozen weight, also for full fine-tuning", async () => {
    const race = await trainedRace(0);
    const desk = new PaperDesk(race);
    for await (const part of desk.answer({ type: "overlap", id: 1 })) {
      if (part.type === "overlap") expect(part.layer.counts).toEqual([12, 0, 0, 0]);
    }
    race.destroy();
    const heads = await trainedRace(1, [PROBE]);
    await expect(new PaperDesk(heads).answer({ type: "overlap", id: 1 }).next()).rejects.toThrow("changes a weight matrix");
    heads.destroy();
  });
});

describe("likeness of a race's lanes", () => {
  test("features are the mean over the tokens of what each half adds to the stream, in every block, the last one too", async () => {
    const race = await trainedRace(0);
    const { backbone } = race.setup;
    const images = race.setup.split.train.subarray(0, 19); // one batch of 16, and three more
    const { members, step } = await featuresOf(race, images);
    expect(step).toBe(0);
    expect(members).toHaveLength(4);
    expect([...members[0]!.keys()]).toEqual(["block.0.attention", "block.0.mlp", "block.1.attention", "block.1.mlp"]);
    // The same from all tokens of one image, by hand.
    const batch = new Batch(backbone, 1);
    const tape = new Tape(race.gpu.software);
    const taps = new Map<string, Tensor>();
    const pixels = tape.apply(normalize, { pixels: batch.pixels }, { size: 16, mean: preprocess.mean, std: preprocess.std });
    // What the last layer of each half gives, without the residual stream.
    const bare = new Map<string, Tensor>();
    const frozen = frozenPass(tape);
    const linear: typeof frozen.linear = (site, x, sum) => {
      const half = { out: "attention", fc2: "mlp" }[site.target];
      if (half) bare.set(`block.${site.block}.${half}`, frozen.linear(site, x));
      return frozen.linear(site, x, sum);
    };
    backbone.model.image.features({ ...frozen, linear, taps }, pixels);
    const halves = [...taps].filter(([name]) => !name.endsWith(".weights"));
    expect(halves).toHaveLength(4);
    const { run, read } = await program(tape, [...halves.map(([, x]) => x), ...bare.values()]);
    for (const at of [0, 17]) {
      race.load(batch, images.subarray(at, at + 1));
      run();
      for (const [name, x] of halves) {
        const rows = await read(x);
        expect(x.shape).toEqual([5, 12]);
        expect(relativeError(rows, await read(bare.get(name)!))).toBeLessThan(1e-5);
        const mean = Float64Array.from({ length: 12 }, (_, j) => [0, 1, 2, 3, 4].reduce((sum, t) => sum + rows[12 * t + j]! / 5, 0));
        for (const member of members) expect(relativeError(member.get(name)!.subarray(12 * at, 12 * at + 12), mean)).toBeLessThan(1e-5);
      }
    }
    race.destroy();
  });

  test("taps change no result, and without them nothing more is recorded", async () => {
    const race = await trainedRace(0);
    const { model } = race.setup.backbone;
    const batch = new Batch(race.setup.backbone, 2);
    const record = (taps?: Map<string, Tensor>) => {
      const tape = new Tape(race.gpu.software);
      const pixels = tape.apply(normalize, { pixels: batch.pixels }, { size: 16, mean: preprocess.mean, std: preprocess.std });
      const y = model.text!.embedImages({ ...frozenPass(tape), ...(taps && { taps }) }, pixels);
      return { tape, y };
    };
    const [plain, tapped] = [record(), record(new Map())];
    expect(tapped.tape.launches.length).toBeGreaterThan(plain.tape.launches.length);
    race.load(batch, race.setup.split.train.subarray(0, 2));
    const results = [];
    for (const { tape, y } of [plain, tapped]) {
      const { run, read } = await program(tape, [y]);
      run();
      results.push(await read(y));
    }
    expect(relativeError(results[1]!, results[0]!)).toBeLessThan(1e-6);
    race.destroy();
  });

  test("a lane that has moved differs from the model before training; one that has not is the same", async () => {
    const race = await trainedRace(0, [LANES[0]!, FULL]);
    await disturb(race.lanes[0]!, 0.3);
    const desk = new PaperDesk(race);
    const images = race.setup.split.validation.length;
    const parts = [];
    for await (const part of desk.answer({ type: "likeness", id: 1, images: 1000 })) if (part.type === "likeness") parts.push(part);
    expect(parts.map(({ half: { block, half } }) => `${block} ${half}`)).toEqual(["0 attention", "0 mlp", "1 attention", "1 mlp"]);
    expect(parts.every((part) => part.images === images)).toBe(true);
    const { members } = await featuresOf(race, race.setup.split.validation);
    for (const [at, { half }] of parts.entries()) {
      const table = half.table;
      expect(table[1 * 3 + 2]).toBeCloseTo(1, 6); // full fine-tuning has not begun
      expect(table[0 * 3 + 2]).toBeLessThan(0.999);
      const features = members.map((member) => gramOf([...member.values()][at]!, images));
      expect([...table]).toEqual([...ckaTable(features, images)]);
    }
    race.destroy();
  });

  test("images are taken evenly from all of them, and too few are refused", async () => {
    expect([...spreadOver(Uint32Array.of(3, 5, 7, 9, 11, 13), 3)]).toEqual([3, 7, 11]);
    expect([...spreadOver(Uint32Array.of(3, 5), 9)]).toEqual([3, 5]);
    const race = await trainedRace(0);
    await expect(new PaperDesk(race).answer({ type: "likeness", id: 1, images: 3 }).next()).rejects.toThrow("CKA needs 4");
    race.destroy();
  });
});

/** Variants of kernels: what is offered, what is measured, what is remembered, and that a run is the same by any of them. */
import { beforeAll, describe, expect, test, vi } from "vitest";
import { splitDataset } from "../src/data/split.ts";
import type { Gpu } from "../src/gpu/device.ts";
import { shader } from "../src/gpu/shader.ts";
import { type Matmul, matmul } from "../src/ops/matmul.ts";
import type { Given, Launch, Recorder, Variant } from "../src/tensor/op.ts";
import { Tape } from "../src/tensor/tape.ts";
import { tensor } from "../src/tensor/tensor.ts";
import { forgetGuesses, type Tuning, tune } from "../src/tensor/tuning.ts";
import { choiceKey, choicesOf, type Trial } from "../src/tensor/variant.ts";
import { Backbone } from "../src/train/backbone.ts";
import { keepChoices, recallChoices } from "../src/train/choices.ts";
import type { Store } from "../src/train/opfs.ts";
import { Race } from "../src/train/race.ts";
import { gpu } from "./gpu.ts";
import { close, given, Immediate, noise, read } from "./launch.ts";
import { product, transpose } from "./layer.ts";
import { dataset, kernels, preprocess, toyConfig, toyFiles } from "./toy.ts";

/** The tests' device as a graphics card of which nothing is known, or what `tuned` says. */
const card = (tuned = new Map<string, string>(), features = gpu.features): Gpu => ({
  ...gpu,
  software: false,
  tuned,
  guessed: new Set(),
  features,
});

/** Scales n numbers, `passes` times over. */
interface Scaling extends Variant {
  readonly passes: number;
  readonly overrides?: Readonly<Record<string, number>>;
}
const quick: Scaling = { name: "quick", passes: 1 };
const slow: Scaling = { name: "slow", passes: 60 };
const broken: Scaling = { name: "broken", passes: 1, overrides: { NOTHING: 1 } };

function scale(r: Recorder, { passes, overrides = {} }: Scaling, make: Given): void {
  const n = 2 ** 14;
  const a = make([n]);
  for (let pass = 0; pass < passes; pass++) {
    const params = { n, factor: 1 };
    r.run({ shader: "elementwise", entry: "scale", buffers: { a, y: r.out([n]) }, params, groups: [n / 256], overrides });
  }
}

/** A tape that has picked a variant to scale by, and which. */
function scaling(on: Gpu, ...variants: Scaling[]): { tape: Tape; picked: string } {
  const tape = new Tape(false, choicesOf(on));
  return { tape, picked: tape.pick("scale", variants, scale).name };
}

/** With all the time that a slow device needs. */
const hasTuned = (on: Gpu, tape: Tape, options?: Tuning): Promise<boolean> => tune(on, kernels, [tape], { budget: 60_000, ...options });

describe("a choice", () => {
  test("is the first variant until the fastest is known, wherever that stands", async () => {
    for (const variants of [
      [slow, quick],
      [quick, slow],
    ]) {
      const on = card();
      const { tape, picked } = scaling(on, ...variants);
      expect(picked).toBe(variants[0]!.name);
      expect(tape.untuned.size).toBe(1);
      const shares: number[] = [];
      expect(await hasTuned(on, tape, { onProgress: (share) => shares.push(share) })).toBe(true);
      expect(shares).toEqual(shares.toSorted((a, b) => a - b));
      expect(shares.at(-1)).toBe(1);
      expect([...on.tuned]).toEqual([[[...tape.untuned.keys()][0], "quick"]]);
      const after = scaling(on, ...variants);
      expect(after.picked).toBe("quick");
      expect(after.tape.untuned.size).toBe(0);
      expect(await hasTuned(on, after.tape)).toBe(false);
    }
  });

  test("is made by the clock on the wall where kernels cannot be timed", async () => {
    expect(gpu.features).toContain("timestamp-query"); // so that the other tests are about the GPU's own clock
    const on = card(new Map(), new Set());
    await hasTuned(on, scaling(on, slow, quick).tape);
    expect(scaling(on, slow, quick).picked).toBe("quick");
  });

  test("passes over a variant that the device refuses", async () => {
    const on = card();
    await hasTuned(on, scaling(on, broken, slow, quick).tape);
    expect(scaling(on, broken, slow, quick).picked).toBe("quick");
    const other = card();
    expect(await hasTuned(other, scaling(other, broken, { ...broken, name: "too" }).tape)).toBe(false);
  });

  test("is the guess for as long as the page is open where there was no time", async () => {
    const on = card();
    const { tape } = scaling(on, slow, quick);
    expect(await hasTuned(on, tape, { budget: 0 })).toBe(false);
    const [key] = tape.untuned.keys();
    expect([[...on.tuned], [...on.guessed]]).toEqual([[[key, "slow"]], [key]]);
    expect(scaling(on, slow, quick).tape.untuned.size).toBe(0);
  });

  test("is looked for first where it matters most", async () => {
    for (const [problem, other] of [
      ["first", "second"],
      ["second", "first"],
    ] as const) {
      const on = card();
      const tape = new Tape(false, choicesOf(on));
      for (const name of ["first", "second"]) tape.pick(name, [slow, quick], scale);
      for (let use = 0; use < 9; use++) tape.pick(problem, [slow, quick], scale);
      await hasTuned(on, tape);
      expect(Array.from(on.tuned.keys(), (key) => key.replace(/ #.*/, ""))).toEqual([problem, other]);
    }
  });

  test("is measured after all when the guess is forgotten", async () => {
    const on = card();
    await hasTuned(on, scaling(on, slow, quick).tape, { budget: 0 });
    forgetGuesses(on);
    expect([on.tuned.size, on.guessed.size]).toEqual([0, 0]);
    await hasTuned(on, scaling(on, slow, quick).tape);
    expect(scaling(on, slow, quick).picked).toBe("quick");
    forgetGuesses(on);
    expect(scaling(on, slow, quick).picked).toBe("quick");
  });

  test("stays open on a software adapter, and for what is run once", async () => {
    const software = { ...card(), software: true };
    expect(await hasTuned(software, scaling(software, slow, quick).tape)).toBe(false);
    expect(software.tuned.size).toBe(0);
    const once = new Tape(false);
    expect(once.pick("scale", [slow, quick], scale)).toBe(slow);
    expect(once.untuned.size).toBe(0);
  });

  test("leaves no buffer behind", async () => {
    const alive = new Set<GPUBuffer>();
    const create = gpu.device.createBuffer.bind(gpu.device);
    const spy = vi.spyOn(gpu.device, "createBuffer").mockImplementation((descriptor) => {
      const buffer = create(descriptor);
      const destroy = buffer.destroy.bind(buffer);
      alive.add(buffer);
      return Object.assign(buffer, {
        destroy: () => {
          alive.delete(buffer);
          destroy();
        },
      });
    });
    const on = card();
    await hasTuned(on, scaling(on, slow, quick).tape);
    spy.mockRestore();
    expect(on.tuned.size).toBe(1);
    expect(Array.from(alive, ({ label }) => label)).toEqual([]);
  });
});

describe("the key of a choice", () => {
  const trial = (...variants: Scaling[]): Trial => ({
    names: variants.map(({ name }) => name),
    record: (r, which, make) => scale(r, variants[which]!, make),
  });

  test("names the problem, and changes with the variants", () => {
    const key = choiceKey("scale", trial(quick, slow));
    expect(key).toMatch(/^scale #[0-9a-f]+$/);
    expect(choiceKey("scale", trial(quick, slow))).toBe(key);
    const others = [
      choiceKey("other", trial(quick, slow)),
      choiceKey("scale", trial(slow, quick)),
      choiceKey("scale", trial(quick)),
      choiceKey("scale", trial(quick, { ...slow, name: "slower" })),
      choiceKey("scale", trial(quick, { ...slow, passes: 61 })),
      choiceKey("scale", trial(quick, { ...slow, overrides: { WG: 64 } })),
    ];
    expect(new Set([key, ...others]).size).toBe(7);
  });

  test("changes with the text of the kernels", () => {
    const key = choiceKey("scale", trial(quick, slow));
    const file = shader("elementwise");
    const { code } = file;
    try {
      Object.assign(file, { code: `${code}\n` });
      expect(choiceKey("scale", trial(quick, slow))).not.toBe(key);
    } finally {
      Object.assign(file, { code });
    }
    expect(choiceKey("scale", trial(quick, slow))).toBe(key);
  });
});

describe("what a browser keeps", () => {
  /** A store in memory. */
  function drawer(files = new Map<string, Uint8Array<ArrayBuffer>>()): { files: typeof files; open: () => Promise<Store> } {
    const store: Store = {
      read: async (path) => (files.has(path) ? new Blob([files.get(path)!]) : undefined),
      append: async (path, keep) => {
        files.set(path, (files.get(path) ?? new Uint8Array()).slice(0, keep));
        return {
          write: (bytes) => void files.set(path, Uint8Array.from([...files.get(path)!, ...bytes])),
          close: () => undefined,
        };
      },
      remove: async (path) => void files.delete(path),
      list: async () => [],
    };
    return { files, open: async () => store };
  }
  const known = new Map([
    ["scale #1", "quick"],
    ["matmul 4x4x4 NN f32 #2", "32x32x16/4x4/s1"],
  ]);
  const a: Gpu = { ...card(known), id: "acme/one//Card 1" };

  test("is there at the next visit, for the same adapter", async () => {
    const { files, open } = drawer();
    await keepChoices(a, open);
    const again: Gpu = { ...card(), id: a.id };
    await recallChoices(again, open);
    expect(again.tuned).toEqual(known);
    const other: Gpu = { ...card(), id: "acme/two//Card 2" };
    await recallChoices(other, open);
    expect(other.tuned.size).toBe(0);
    // What was guessed for want of time is measured then.
    await keepChoices(
      {
        ...other,
        tuned: new Map([
          ["x #3", "y"],
          ["z #4", "guess"],
        ]),
        guessed: new Set(["z #4"]),
      },
      open,
    );
    expect(files.size).toBe(2);
    expect(JSON.parse(new TextDecoder().decode([...files.values()][1])).choices).toEqual({ "x #3": "y" });
    // The file says whose it is, whatever its name.
    const [first, second] = [...files.keys()];
    files.set(second!, files.get(first!)!);
    await recallChoices(other, open);
    expect(other.tuned.size).toBe(0);
  });

  test.each(["", "{", "null", "[]", '"x"', '{"adapter":"acme/one//Card 1"}', '{"adapter":"acme/one//Card 1","choices":{"k":1}}'])(
    "is written anew in place of %j",
    async (text) => {
      const { files, open } = drawer();
      await keepChoices(a, open);
      files.set([...files.keys()][0]!, new TextEncoder().encode(text));
      const again: Gpu = { ...card(), id: a.id };
      await recallChoices(again, open);
      expect(again.tuned.size).toBe(0);
      await keepChoices(a, open);
      await recallChoices(again, open);
      expect(again.tuned).toEqual(known);
    },
  );

  test("is nothing where files are refused", async () => {
    const refuse = () => Promise.reject(new DOMException("no", "SecurityError"));
    const on: Gpu = { ...card(), id: a.id };
    await recallChoices(on, refuse);
    await keepChoices(a, refuse);
    await recallChoices(on); // Node has no such files
    expect(on.tuned.size).toBe(0);
  });
});

describe("a race", () => {
  // A head alone: its step needs the fewest kernels, which a software adapter compiles for long.
  const config = toyConfig({ lanes: [{ method: "probe", settings: {}, lr: 1e-2 }] });
  /** The race, whether it tuned, and the tiles that it compiled after that. */
  const open = async (on: Gpu) => {
    let tunes = false;
    const tiles = new Set<string>();
    const compile = vi.spyOn(kernels, "pipeline").mockImplementation((program) => {
      const { TILE_M, TILE_N } = program.knobs ?? {};
      if (TILE_M) tiles.add(`${program.shader} ${TILE_M}x${TILE_N}`);
      return original(program);
    });
    const onStatus = (text: string): void => {
      if (text !== "Tuning kernels to this GPU") return;
      tunes = true;
      tiles.clear();
    };
    const split = splitDataset(dataset, config);
    const race = await Race.open({ backbone: new Backbone(on, kernels, toyFiles()), config, dataset, split, preprocess, onStatus });
    compile.mockRestore();
    return { race, tunes, tiles };
  };
  const original = kernels.pipeline.bind(kernels);
  const picks = vi.spyOn(Tape.prototype, "pick");
  const namesOf = (key: string): readonly string[] =>
    (picks.mock.calls.find(([problem]) => key.startsWith(`${problem} #`))?.[1] ?? []).map(({ name }) => name);
  /** Of every problem of matmul the last variant is chosen, whatever was measured, so that it is not the guess; all others are known. */
  class Chosen extends Map<string, string> {
    override get(key: string): string | undefined {
      return key.startsWith("matmul ") ? super.get(key) : namesOf(key)[0];
    }
    override set(key: string, name: string): this {
      return super.set(key, namesOf(key).at(-1) ?? name);
    }
  }
  /** The figures of three steps and an evaluation, and all bits that they leave. */
  const run = async (race: Race) => {
    for (let step = 1; step <= 3; step++) race.step(step);
    const steps = (await race.figures(0, 1, 3)).map(({ loss, gradNorm }) => [loss, gradNorm]);
    const numbers = [...steps.flat(), (await race.evaluate(0, race.setup.split.validation)).loss];
    const bits = await race.fingerprint(0);
    race.destroy();
    return { numbers, bits };
  };
  const tuned = new Chosen();
  const races: { tunes: boolean; tiles: Set<string>; numbers: number[]; bits: string }[] = [];
  beforeAll(async () => {
    // A device of this slowness may not get through all of it in one go.
    do {
      const { race, ...how } = await open(card(tuned));
      races.push({ ...how, ...(await run(race)) });
    } while (races.at(-1)!.tunes);
  });

  test("tunes what it needs before it records for good; the next one finds all known, and is the same bit for bit", async () => {
    const [found, known] = races.slice(-2);
    expect(known).toEqual({ ...found, tunes: false });
    for (const key of tuned.keys()) {
      const [tile] = /^\d+x\d+/.exec(tuned.get(key)!) ?? [];
      expect(found!.tiles).toContain(`matmul ${tile}`);
    }
    const { race, ...how } = await open(card(new Chosen(tuned)));
    expect({ ...how, ...(await run(race)) }).toEqual(known);
  });

  test("is the same by the first guesses, up to rounding", async () => {
    const guesses = new Chosen();
    guesses.get = (key) => namesOf(key)[0];
    const { race, tunes, tiles } = await open(card(guesses));
    expect(tunes).toBe(false);
    expect(tiles).not.toEqual(races.at(-1)!.tiles);
    close((await run(race)).numbers, races.at(-1)!.numbers, 1e-4, "figures");
  });

  test("leaves no results of evaluations behind from the recording that it tuned by", async () => {
    const made: string[] = [];
    const create = gpu.device.createBuffer.bind(gpu.device);
    const spy = vi.spyOn(gpu.device, "createBuffer").mockImplementation((descriptor) => {
      made.push(descriptor.label ?? "");
      return create(descriptor);
    });
    const { race, tunes } = await open(card(new Chosen()));
    spy.mockRestore();
    expect(tunes).toBe(true);
    expect(made.filter((label) => label === "evaluation")).toHaveLength(2);
    race.destroy();
  });
});

/** Records a product and gives its variants and its launches. */
function offered(m: number, n: number, k: number, cfg: Matmul): { names: string[]; launches: Launch[] } {
  const names: string[] = [];
  const launches: Launch[] = [];
  const r: Recorder = {
    software: false,
    out: (shape) => tensor(shape),
    run: (launch) => launches.push(launch),
    pick: (_problem, variants) => {
      names.push(...variants.map(({ name }) => name));
      return variants[0] as (typeof variants)[number];
    },
  };
  matmul.forward(r, { a: tensor(cfg.transA ? [k, m] : [m, k]), b: tensor(cfg.transB ? [n, k] : [k, n]) }, cfg);
  return { names, launches };
}

describe("the variants of matmul", () => {
  // Large, narrow, thin and small ones between them are offered every tile.
  const sizes: readonly [number, number, number][] = [
    [4096, 4096, 64],
    [4160, 192, 192],
    [3200, 32, 3072],
    [32, 768, 3200],
    [192, 32, 192],
  ];
  const tiles = new Set(sizes.flatMap(([m, n, k]) => offered(m, n, k, {}).names.map((name) => name.replace(/\/s\d+$/, ""))));

  // Forward, gradient of the activations, gradient of the weight, at the widths of CLIP B/32, ViT-Ti and a LoRA.
  test.each<[number, number, number, Matmul, string]>([
    [3200, 3072, 768, { transB: true }, "64x128x8/8x8/1/2/s1"],
    [3200, 768, 3072, {}, "64x128x8/8x8/1/2/s3"],
    [768, 768, 3200, { transA: true }, "64x128x8/8x8/1/2/s7"],
    [12608, 768, 192, { transB: true }, "64x128x8/8x8/1/2/s1"],
    [12608, 192, 768, {}, "32x64x32/8x8/4/1/s1"],
    [4160, 192, 192, { transB: true }, "32x64x32/8x8/4/1/s1"],
    [3200, 32, 768, { transB: true }, "64x32x32/8x8/4/1/s5"],
    [192, 32, 192, { transB: true }, "16x16x64/4x4/4/1/s1"],
  ])("begin for (%i, %i, %i) %j with what a large card has been seen to like", (m, n, k, cfg, first) => {
    expect(offered(m, n, k, cfg).names[0]).toBe(first);
  });

  test("are few, each once, and none has an empty slice", () => {
    let sliced = 0;
    for (const m of [4, 36, 512, 3200])
      for (const n of [8, 32, 192, 4096])
        for (const k of [4, 60, 600, 12_608]) {
          const { names } = offered(m, n, k, {});
          expect(names.length).toBeLessThanOrEqual(14);
          expect(new Set(names).size).toBe(names.length);
          for (const name of names) {
            const [, depth, slices] = /x(\d+)\/\dx\d+\/\d\/\d\/s(\d+)$/.exec(name)!.map(Number) as [number, number, number];
            const whole = depth * Math.ceil(k / slices / depth);
            expect((slices - 1) * whole, `${name} of ${m} x ${n} x ${k}`).toBeLessThan(k);
            sliced += Number(slices > 1);
          }
        }
    expect(sliced).toBeGreaterThan(50);
  });

  // Both ways of loading each operand's tile.
  describe.each<Matmul>([{ transB: true }, { transA: true }])("%j", ({ transA = false, transB = false }) => {
    const operands = (m: number, n: number, k: number) => {
      const [a, b] = [noise(m * k, 1), noise(k * n, 2)];
      const want = product(transA ? transpose(a, k, m) : a, transB ? transpose(b, n, k) : b, m, k, n);
      return { want, inputs: { a: given(transA ? [k, m] : [m, k], a), b: given(transB ? [n, k] : [k, n], b) } };
    };

    // Sizes that no tile divides. A software adapter compiles these for long.
    test.each([...tiles])("in tiles of %s", async (tile) => {
      const numbers = tile.split(/[x/]/).map(Number) as [number, number, number, number, number, number, number];
      const [TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT, STAGES] = numbers;
      const { want, inputs } = operands(132, 140, 36);
      const r = new Immediate(false);
      const { y } = matmul.forward(r, inputs, { transA, transB });
      const [launch] = r.launches.splice(0);
      const knobs = { TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT, STAGES };
      r.run({
        ...launch!,
        groups: [Math.ceil(140 / TILE_N), Math.ceil(132 / TILE_M), 1],
        overrides: { ...launch!.overrides, WHOLE: 0 },
        knobs,
      });
      await r.flush();
      close(await read(y), want, 2e-5, "y");
    });

    test.each([16, 64, 192])("in whole tiles, %i deep", async (k) => {
      const { want, inputs } = operands(64, 96, k);
      const r = new Immediate(false);
      const { y } = matmul.forward(r, inputs, { transA, transB });
      expect(r.launches[0]).toMatchObject({ shader: "matmul", overrides: { WHOLE: 1 } });
      await r.flush();
      close(await read(y), want, 2e-5, "y");
    });
  });
});

/** Warnings before a mistake: said where the mistake was measured, silent for everything that went well. */
import { describe, expect, test } from "vitest";
import type { Part } from "../src/data/dataset.ts";
import { classSizes, countSplit, splitDataset } from "../src/data/split.ts";
import { DEFAULTS } from "../src/store/config.ts";
import { listMethods } from "../src/store/methods.ts";
import { estimateMemory, type Situation, warningsOf } from "../src/store/warnings.ts";
import type { LaneConfig } from "../src/train/run.ts";

const lane = (method: string, settings: LaneConfig["settings"], lr: number): LaneConfig => ({ method, settings, lr });
const plenty = ["cat", "dog"].map((name) => ({ name, count: 600 }));
const situation = (change: Partial<Situation["config"]> = {}, rest: Partial<Situation> = {}): Situation => ({
  config: { ...DEFAULTS, ...change },
  titles: (change.lanes ?? DEFAULTS.lanes).map(({ method }) => method),
  classes: plenty,
  sides: { least: 192, greatest: 192 },
  memory: null,
  ...rest,
});
const said = (one: Situation): string[] => warningsOf(one).map(({ text }) => text);
const rateOf = (method: string, settings: LaneConfig["settings"], lr: number) => said(situation({ lanes: [lane(method, settings, lr)] }));

describe("a learning rate", () => {
  // reference runs on EuroSAT: accuracy fell to 19 … 53 %
  const COLLAPSED = [
    ["lora", { rank: 16, alpha: 32 }, 1e-2],
    ["lora", { rank: 32, alpha: 64 }, 1e-2],
    ["dora", { rank: 32, alpha: 64 }, 1e-2],
    ["randlora", { rank: 2, alpha: 40 }, 3e-3],
  ] as const;
  const WELL = [
    ["lora", { rank: 32, alpha: 64 }, 3e-3],
    ["dora", { rank: 32, alpha: 64 }, 3e-3],
    ["randlora", { rank: 2, alpha: 4 }, 3e-3],
    ["randlora", { rank: 2, alpha: 20 }, 1e-3],
    ["randlora", { rank: 2, alpha: 40 }, 1e-3],
    ["vera", { rank: 256, initial: 0.1 }, 0.1],
    ["full", {}, 1e-3],
  ] as const;

  test("that collapsed is warned of, and one that went well is named", () => {
    for (const [method, settings, lr] of COLLAPSED) expect(rateOf(method, settings, lr)[0], method).toMatch(/has collapsed.*Up to/);
    expect(rateOf("lora", { rank: 32, alpha: 64 }, 1e-2)[0]).toContain("Up to 0.003 it went well.");
    expect(rateOf("randlora", { rank: 2, alpha: 40 }, 3e-3)[0]).toContain("Up to 0.001 it went well.");
  });

  test("that went well is not, nor is any method's own default", () => {
    for (const [method, settings, lr] of WELL) expect(rateOf(method, settings, lr), method).toEqual([]);
    for (const { id, fields, defaultLr } of listMethods()) {
      const settings = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.default]));
      expect(rateOf(id, settings, defaultLr), id).toEqual([]);
    }
  });

  test("is judged by α and r too: four times the α needs a quarter of the rate", () => {
    expect(rateOf("lora", { rank: 32, alpha: 256 }, 3e-3)).toHaveLength(1);
    expect(rateOf("lora", { rank: 32, alpha: 256 }, 7.5e-4)).toEqual([]);
    expect(rateOf("rslora", { rank: 64, alpha: 8 }, 3e-3)).toEqual([]);
  });

  test("is told at its field, of its lane", () => {
    const lanes = [lane("lora", { rank: 32, alpha: 64 }, 1e-3), lane("lora", { rank: 32, alpha: 64 }, 1e-2)];
    expect(warningsOf(situation({ lanes }))).toMatchObject([{ lane: 1, field: "lr" }]);
  });
});

describe("a rank", () => {
  const sides = { least: 192, greatest: 192 };
  const of = (method: string, settings: LaneConfig["settings"]) =>
    warningsOf(situation({ lanes: [lane(method, settings, 1e-5)] }, { sides }));

  test("of RandLoRA that leaves one basis is too large: lower means more", () => {
    expect(of("randlora", { rank: 192, alpha: 20 })).toMatchObject([
      { lane: 0, field: "rank", text: expect.stringMatching(/single.*A lower r means more/) },
    ]);
    expect(of("hybrid", { rank: 8, basisRank: 200 })).toMatchObject([{ field: "basisRank" }]);
    expect(of("randlora", { rank: 191, alpha: 20 })).toEqual([]);
  });

  test("of LoRA beyond the layer's own adds nothing", () => {
    expect(of("lora", { rank: 193, alpha: 20 })[0]?.text).toContain("192 directions");
    expect(of("lora", { rank: 192, alpha: 20 })).toEqual([]);
  });
});

describe("images", () => {
  test("that are few say how roughly accuracy will be known", () => {
    const few = situation({}, { classes: ["cat", "dog"].map((name) => ({ name, count: 50 })) });
    expect(said({ ...few, config: { ...few.config, batch: 8 } })).toEqual([
      "Accuracy will be measured on 20 test images, so it is known to about ± 17 points. Smaller differences between methods will mean nothing.",
    ]);
  });

  test("of a class with one cannot be checked; a batch beyond them repeats them", () => {
    const classes = [...plenty, ...["a", "b", "c", "d"].map((name) => ({ name, count: 1 }))];
    expect(said(situation({}, { classes }))[0]).toMatch(/^a, b, c and 1 more: one image/);
    expect(warningsOf(situation({ batch: 512 }, { classes: plenty }))).toEqual([]);
    const small = plenty.map(({ name }) => ({ name, count: 300 }));
    expect(warningsOf(situation({ batch: 421 }, { classes: small }))).toMatchObject([
      { field: "batch", text: expect.stringContaining("the 420 training images") },
    ]);
  });

  test("held out are counted as they are split", () => {
    for (const counts of [
      [1, 2, 3, 60],
      [5, 5],
      [1, 1],
      [119, 7, 2],
    ]) {
      for (const share of [0, 0.05, 0.2, 0.9]) {
        const labels = Uint32Array.from(counts.flatMap((count, label) => Array<number>(count).fill(label)));
        const sources = Array.from(labels, (_, i) => `${i}.png`);
        const delivered: readonly (Part | null)[] = [null, "train", "validation", "test"];
        // In none, in all, a few to test on, and nothing but those.
        const ways: readonly ((i: number) => Part | null)[] = [
          () => null,
          (i) => delivered[i % 4] ?? null,
          (i) => (i % 5 === 1 ? "test" : null),
          () => "test",
        ];
        for (const partOf of ways)
          for (const amount of ["all", "50%", "4"] as const) {
            const dataset = { classes: counts.map(String), labels, sources, parts: sources.map((_, i) => partOf(i)) };
            const plan = { validation: share, test: 0.09, amount, seed: 1 };
            const { train, validation, test } = splitDataset(dataset, plan);
            const counted = countSplit(classSizes(dataset), plan);
            expect(counted).toEqual({ train: train.length, validation: validation.length, test: test.length });
          }
      }
    }
  });
});

describe("memory", () => {
  const CLIP_B32 = { vision_config: { hidden_size: 768, num_hidden_layers: 12, num_attention_heads: 12, image_size: 224, patch_size: 32 } };
  const VIT_TI16 = { hidden_size: 192, num_hidden_layers: 12, num_attention_heads: 3, image_size: 224, patch_size: 16 };
  const MIB = 2 ** 20;

  test("is estimated within a tenth of what is measured, 64 images a step", () => {
    const near = (config: object, modelBytes: number, trained: number, measured: number) => {
      const found = estimateMemory(config as never, { modelBytes, batch: 64, trained });
      expect(Math.abs((found?.bytes ?? 0) / (measured * MIB) - 1)).toBeLessThan(0.1);
    };
    near(CLIP_B32, 605 * MIB, 5_316_106, 2086);
    near(VIT_TI16, 22 * MIB, 2_000_000, 1618);
    near(
      { vision_config: { hidden_size: 192, num_hidden_layers: 8, num_attention_heads: 3, image_size: 64, patch_size: 8 } },
      10 * MIB,
      884_736,
      346,
    );
    expect(estimateMemory({ model_type: "other" }, { modelBytes: 1, batch: 1, trained: 1 })).toBeNull();
  });

  test("beyond the device is told first, and what to do", () => {
    const memory = { bytes: 9 * 2 ** 30, largest: 2 ** 27, limit: 2 ** 28, machine: 8 * 2 ** 30 };
    expect(said(situation({}, { memory }))).toEqual([
      "This race takes about 9.0 GiB on the GPU; this machine speaks of 8.0 GiB in all. Halve the batch (64), or take a smaller model.",
    ]);
    expect(said(situation({}, { memory: { ...memory, machine: null } }))).toEqual([]);
    expect(said(situation({}, { memory: { ...memory, largest: 2 ** 29 } }))[0]).toMatch(/One tensor.*0\.5 GiB.*0\.3 GiB/);
  });
});

/** Several races as one run: seeds one after the other, lanes that diverge, sweeps, and what is kept of them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Dataset } from "../src/data/dataset.ts";
import { inMemory } from "../src/data/pixels.ts";
import { DEFAULTS } from "../src/store/config.ts";
import { setModelConfig } from "../src/store/methods.ts";
import { digestOf, keyOf, resultOf, testedOf } from "../src/store/record.ts";
import { IDLE, type RunState } from "../src/store/run.ts";
import { bandOf } from "../src/store/series.ts";
import { counted, fieldOf, nextRace, nextSeed, progressOf, reduceStudy, type Study, seedsFrom, studyOf } from "../src/store/study.ts";
import { figuresOf } from "../src/store/studyfigures.ts";
import { parseValues, readSweep, startOf, studiesOf, writeSweep } from "../src/store/sweep.ts";
import { measuredOver } from "../src/store/verdict.ts";
import type { RunConfig } from "../src/train/run.ts";

beforeAll(() => {
  const file = join(import.meta.dirname, "../public/models/clip-tiny/config.json");
  setModelConfig("clip-tiny", JSON.parse(readFileSync(file, "utf8")), true);
});

const config: RunConfig = { ...DEFAULTS, steps: 10, seed: 7 };
const set: Dataset = {
  name: "two",
  classes: ["a", "b"],
  size: 64,
  pixels: inMemory(new Uint8Array(), 4),
  labels: Uint32Array.of(0, 1, 0, 1),
  sources: ["a/1", "b/2", "a/3", "b/4"],
};

/** A race that is done, whose lanes answered the test images 0 and 1 as given. */
function done(seed: number, answers: readonly (readonly number[])[], change: Partial<RunState> = {}): RunState {
  const lanes = answers.map((predicted) => ({
    loss: 1,
    accuracy: 0.5,
    correct: 1,
    answers: { predicted: Uint32Array.from(predicted), confidence: new Float32Array(2), truth: new Float32Array(2) },
  }));
  return {
    ...IDLE,
    phase: "done",
    config: { ...config, seed, lanes: config.lanes.slice(0, answers.length) },
    dataset: set,
    split: { train: Uint32Array.of(2), validation: Uint32Array.of(3), test: Uint32Array.of(0, 1) },
    step: 10,
    lanes: answers.map((_, i) => ({
      parameters: 100 + i,
      way: "weight",
      exported: { form: "peft", bytes: 400 },
      msPerStep: 2 + i + seed,
      loss: 1,
      rank: null,
      history: [],
    })),
    validations: [{ step: 0, images: 1, lanes }],
    answers: { part: "test", step: 10, lanes },
    fingerprints: answers.map((_, i) => `print ${i}`),
    ...change,
  };
}

/** The study after a race of it has ended. */
const ended = (study: Study, race: RunState): Study => {
  const field = fieldOf(study);
  const facts = config.lanes.map(() => null);
  return reduceStudy(study, { type: "ended", result: resultOf(race, [], field), tested: testedOf(race), facts });
};

describe("several seeds", () => {
  test("are raced one after the other, all lanes under each", () => {
    let study = studyOf(config, seedsFrom(7, 3));
    const raced: number[] = [];
    for (let race = nextRace(study); race; race = nextRace(study)) {
      expect(race.config.lanes).toEqual(config.lanes);
      raced.push(race.config.seed);
      study = ended(
        study,
        done(race.config.seed, [
          [0, 1],
          [0, 0],
        ]),
      );
    }
    expect(raced).toEqual([7, 8, 9]);
    expect(study.results.map(({ seed }) => seed)).toEqual([7, 8, 9]);
    expect(study.tested).toMatchObject({ part: "test", sources: ["a/1", "b/2"] });
    const measured = measuredOver(study.tested, counted(study));
    expect(measured?.lanes.map((lane) => lane.map((hits) => [...(hits ?? [])]))).toEqual([
      [
        [1, 1],
        [1, 1],
        [1, 1],
      ],
      [
        [1, 0],
        [1, 0],
        [1, 0],
      ],
    ]);
    expect(figuresOf(study.results, study.facts)[1]?.msPerStep).toBeCloseTo(3 + 8, 12);
  });

  test("tell of the same images what was known before training; where that was not measured, of which images it is", () => {
    const told = (...befores: (number | null)[]) => {
      const results = befores.map((before, seed) =>
        resultOf(done(seed, [[0, 1]], { before }), [], { lanes: 1, present: [0], out: new Map() }),
      );
      return figuresOf(results, [null])[0];
    };
    expect(told(0.25, 0.75)).toMatchObject({ before: 0.5, beforeOn: "tested" });
    expect(told(null, null)).toMatchObject({ before: 0.5, beforeOn: "validation" });
    expect(told(0.25)).toMatchObject({ before: 0.25, beforeOn: "tested" });
  });

  test("past the largest seed go on from 0", () => {
    expect(seedsFrom(2 ** 32 - 2, 3)).toEqual([2 ** 32 - 2, 2 ** 32 - 1, 0]);
  });

  test("go on without a lane that diverges, and say where it did", () => {
    let study = studyOf(config, [7, 8]);
    study = reduceStudy(study, { type: "diverged", lane: 0, step: 4 });
    const again = nextRace(study);
    expect(again?.config).toMatchObject({ seed: 7, lanes: [config.lanes[1]] });
    study = ended(study, done(7, [[0, 1]]));
    expect(study.results[0]?.lanes[0]).toEqual({ diverged: 4 });
    expect(study.results[0]?.lanes[1]).toMatchObject({ fingerprint: "print 0", score: { correct: 1 } });
    expect(study.results[0]?.validations[0]?.lanes).toEqual([null, expect.objectContaining({ correct: 1 })]);
    // Under the next seed it has another chance.
    expect(nextRace(study)?.config).toMatchObject({ seed: 8, lanes: config.lanes });
    study = ended(
      study,
      done(8, [
        [0, 1],
        [0, 1],
      ]),
    );
    expect(nextSeed(study)).toBeUndefined();
    expect(measuredOver(study.tested, counted(study))?.lanes[0]?.map((hits) => hits !== null)).toEqual([false, true]);
    expect(figuresOf(study.results, study.facts)[0]?.diverged).toEqual([{ seed: 7, step: 4 }]);
  });

  test("under which every lane diverges count as raced", () => {
    let study = studyOf(config, [7, 8]);
    study = reduceStudy(study, { type: "diverged", lane: 1, step: 3 });
    study = reduceStudy(study, { type: "diverged", lane: 0, step: 5 });
    expect(study.results).toMatchObject([{ seed: 7, lanes: [{ diverged: 5 }, { diverged: 3 }] }]);
    expect(nextRace(study)?.config).toMatchObject({ seed: 8, lanes: config.lanes });
  });

  test("that are stopped keep what has ended, and the stopped race counts only where it is alone", () => {
    const first = ended(
      studyOf(config, [7, 8, 9]),
      done(7, [
        [0, 1],
        [0, 0],
      ]),
    );
    const stopped = ended(
      first,
      done(
        8,
        [
          [1, 1],
          [1, 1],
        ],
        { stopped: true, step: 2 },
      ),
    );
    expect(nextRace(stopped)).toBeUndefined();
    expect(counted(stopped).map(({ seed }) => seed)).toEqual([7]);
    const alone = ended(
      studyOf(config, [7, 8]),
      done(
        7,
        [
          [1, 1],
          [1, 1],
        ],
        { stopped: true, step: 2 },
      ),
    );
    expect(counted(alone).map(({ seed }) => seed)).toEqual([7]);
  });

  test("have one progress", () => {
    const studies = [
      ended(
        studyOf(config, [7, 8]),
        done(7, [
          [0, 1],
          [0, 0],
        ]),
      ),
      studyOf(config, [7, 8]),
    ];
    expect(progressOf(studies, 4)).toEqual({ made: 14, all: 40 });
  });
});

describe("a sweep", () => {
  const ranks = { setting: "rank", lane: null, values: ["1", "4"] } as const;

  test("changes one setting of every lane that has it, keeps α / r, and races the others once", () => {
    const full = { method: "full", settings: {}, lr: 1e-4 };
    const studies = studiesOf(ranks, { ...config, lanes: [...config.lanes, full] }, 2);
    expect(studies.map(({ config: { lanes } }) => lanes.map(({ method, settings: { rank, alpha } }) => [method, rank, alpha]))).toEqual([
      [
        ["lora", 1, 2],
        ["randlora", 1, 10],
        ["full", undefined, undefined],
      ],
      [
        ["lora", 4, 8],
        ["randlora", 4, 40],
      ],
    ]);
    expect(studies.map(({ seeds, sweep }) => [seeds, sweep])).toEqual([
      [[7, 8], { setting: "rank", value: "1" }],
      [[7, 8], { setting: "rank", value: "4" }],
    ]);
  });

  test("of one lane races it alone; of layers it changes them for all; values past a range are left out", () => {
    expect(studiesOf({ ...ranks, lane: 1 }, config, 1).map(({ config: { lanes } }) => lanes.length)).toEqual([1, 1]);
    const layers = studiesOf(startOf("targets"), config, 1);
    expect(layers.map(({ config: { targets } }) => targets.image)).toEqual([
      ["q", "v"],
      ["q", "k", "v", "out"],
      ["q", "k", "v", "out", "fc1", "fc2"],
    ]);
    const rates = studiesOf({ setting: "lr", lane: null, values: ["0.01", "5"] }, config, 1);
    expect(rates.map(({ config: { lanes } }) => lanes.map(({ lr }) => lr))).toEqual([[0.01, 0.01]]);
  });

  test("stands in the address, and nothing in it is trusted", () => {
    for (const sweep of [ranks, { setting: "lr", lane: 1, values: ["0.001", "0.003"] } as const, startOf("targets", 0)])
      expect(readSweep(writeSweep(sweep), 2)).toEqual(sweep);
    for (const bad of [
      "",
      "rank",
      "rank_",
      "rank_0",
      "rank_x",
      "rank@5_1",
      "depth_1",
      "constructor_1",
      "targets_q.z",
      `rank_${"1_".repeat(99)}2_3`,
    ])
      expect(readSweep(bad, 2) === null || bad.startsWith("rank_1_1"), bad).toBe(true);
    expect(parseValues("rank", "1, 2 2;4")).toEqual(["1", "2", "4"]);
    expect(parseValues("rank", Array.from({ length: 13 }, (_, i) => i + 1).join(" "))).toBeUndefined();
  });
});

describe("what tells runs apart", () => {
  test("the order of import does not change a set's digest; a label does", async () => {
    const turned: Dataset = { ...set, labels: Uint32Array.of(1, 0, 1, 0), sources: ["b/4", "a/3", "b/2", "a/1"] };
    expect(await digestOf(turned)).toBe(await digestOf(set));
    expect(await digestOf({ ...set, labels: Uint32Array.of(0, 1, 0, 0) })).not.toBe(await digestOf(set));
  });

  test("the seed is no part of a run's key", () => {
    expect(keyOf(config, "d")).toBe(keyOf({ ...config, seed: 8 }, "d"));
    expect(keyOf(config, "d")).not.toBe(keyOf({ ...config, steps: 11 }, "d"));
  });
});

describe("a band", () => {
  const line = (values: readonly number[], stride = 1) => ({ steps: values.map((_, i) => i * stride), values });

  test("is the least and greatest of a few lines, read between their points", () => {
    const band = bandOf([line([0, 4, 8]), line([2, 2], 2)]);
    expect(band).toEqual([
      { step: 0, mean: 1, low: 0, high: 2 },
      { step: 1, mean: 3, low: 2, high: 4 },
      { step: 2, mean: 5, low: 2, high: 8 },
    ]);
    expect(bandOf([])).toEqual([]);
    expect(bandOf([line([1]), line([])])).toEqual([]);
  });

  test("is one standard deviation from five lines on", () => {
    const [point] = bandOf([2, 4, 4, 4, 6].map((value) => line([value])));
    expect(point).toEqual({ step: 0, mean: 4, low: 4 - Math.SQRT2, high: 4 + Math.SQRT2 });
  });

  test("keeps both ends when it is thinned", () => {
    const band = bandOf([line(Array.from({ length: 1000 }, (_, i) => i))], 50);
    expect(band.length).toBeLessThanOrEqual(52);
    expect([band[0]?.step, band.at(-1)?.step]).toEqual([0, 999]);
  });
});

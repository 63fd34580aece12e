/** The page's state without the page: events in, state out; curves thinned without losing spikes; settings through the URL. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readAddress, writeAddress } from "../src/store/address.ts";
import { DEFAULTS, laneParameters, MAX_LANES, matchLanes, NUMBERS } from "../src/store/config.ts";
import { setModelConfig } from "../src/store/methods.ts";
import { IDLE, meanRank, type RunAction, reduce, secondsLeft, zeroShot } from "../src/store/run.ts";
import { decimate, Series } from "../src/store/series.ts";
import { useSetup } from "../src/store/setup.ts";
import { judge, latestScores } from "../src/store/verdict.ts";
import type { RunConfig, RunEvent } from "../src/train/run.ts";

beforeAll(() => {
  const file = join(import.meta.dirname, "../public/models/clip-tiny/config.json");
  setModelConfig("clip-tiny", JSON.parse(readFileSync(file, "utf8")));
});

const config: RunConfig = { ...DEFAULTS, steps: 10 };
const start: RunAction = { type: "start", config, classes: ["a", "b"] };
const ready: RunEvent = {
  type: "ready",
  gpu: "GPU",
  software: false,
  memory: { weights: 1, activations: 2, lanes: [] },
  lanes: [
    { parameters: 100, way: "activations" },
    { parameters: 101, way: "weight" },
  ],
  trainImages: 8,
  validationImages: 4,
};
const steps = (from: number, to: number): RunEvent => {
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const lanes = [numbers.map((n) => 1 / n), numbers.map((n) => 2 / n)];
  return {
    type: "steps",
    steps: numbers,
    losses: lanes,
    accuracies: lanes,
    gradNorms: lanes,
    notFinite: lanes,
    msPerStep: [4, 6],
    imagesPerSecond: 640,
  };
};
const validation = (step: number, ...hits: number[][]): RunEvent => ({
  type: "validation",
  step,
  images: hits[0]?.length ?? 0,
  hits: hits.map((lane) => Uint8Array.from(lane)),
  lanes: hits.map((lane) => {
    const correct = lane.reduce((sum, hit) => sum + hit, 0);
    return { loss: 1, accuracy: correct / lane.length, correct };
  }),
});
const rank = (lane: number, effectiveRank: number): RunEvent => ({
  type: "rank",
  step: 4,
  lane,
  layers: [
    { path: "p", block: 0, target: "q", singularValues: Float32Array.of(1, 0.5), effectiveRank, stableRank: 1.25, above1Percent: 2 },
  ],
});
const run = (...actions: RunAction[]) => actions.reduce(reduce, IDLE);

describe("a run", () => {
  test("goes from its start through zero-shot and steps to its end", () => {
    const starting = run(start, { type: "status", text: "Compiling kernels", progress: 0.5 });
    expect(starting).toMatchObject({ phase: "starting", status: { text: "Compiling kernels", progress: 0.5 } });
    const state = run(
      start,
      ready,
      validation(0, [1, 0, 0, 0], [1, 0, 0, 0]),
      steps(1, 4),
      rank(1, 1.8),
      validation(4, [1, 1, 0, 0], [1, 1, 1, 0]),
    );
    expect(state).toMatchObject({ phase: "training", step: 4, imagesPerSecond: 640, status: null });
    expect(state.lanes.map(({ loss }) => loss)).toEqual([1 / 4, 2 / 4]);
    expect(zeroShot(state)?.lanes[0]?.accuracy).toBe(0.25);
    expect(secondsLeft(state)).toBeCloseTo((6 * 10) / 1000);
    expect(meanRank(state.lanes[0])).toBeNull();
    expect(meanRank(state.lanes[1])).toEqual({ effective: 1.8, stable: 1.25, above: 2 });
    expect(latestScores(state).map(({ correct }) => correct)).toEqual([2, 3]);
    expect(reduce(state, { type: "done", step: 10, stopped: false, fingerprints: ["a", "b"] })).toMatchObject({
      phase: "done",
      step: 10,
      stopped: false,
      fingerprints: ["a", "b"],
    });
  });

  test("pauses, goes on, and keeps its results when it is stopped", () => {
    const paused = run(start, ready, steps(1, 3), { type: "paused", step: 3 });
    expect(paused).toMatchObject({ phase: "paused", step: 3 });
    const resumed = reduce(paused, { type: "resumed", step: 3 });
    expect(resumed.phase).toBe("training");
    const stopped = reduce(resumed, { type: "done", step: 3, stopped: true, fingerprints: [] });
    expect(stopped).toMatchObject({ phase: "done", stopped: true, lanes: [{ loss: 1 / 3 }, { loss: 2 / 3 }] });
  });

  test("that diverges says which lane and since when, and keeps the curves", () => {
    const fault = { kind: "nan", what: "w", kept: "k", todo: "t" } as const;
    const failed = run(start, ready, steps(1, 5), { type: "failed", fault, lane: 1, step: 5 });
    expect(failed).toMatchObject({ phase: "failed", step: 5, fault: { kind: "nan", lane: 1, step: 5, todo: "t" } });
    expect(failed.lanes[0]?.loss).toBe(1 / 5);
    expect(reduce(failed, steps(6, 6))).toBe(failed);
  });

  test("is not touched by what an earlier run still had under way", () => {
    const starting = run(start);
    for (const late of [steps(1, 2), validation(0, [1]), rank(0, 1), { type: "done", step: 9, stopped: true, fingerprints: [] } as const]) {
      expect(reduce(starting, late)).toBe(starting);
      expect(reduce(IDLE, late)).toBe(IDLE);
    }
    expect(run(start, ready, steps(1, 2), { type: "reset" })).toEqual(IDLE);
  });

  test("measured twice at one step counts once", () => {
    const state = run(start, ready, validation(0, [0]), validation(4, [0]), validation(4, [1]));
    expect(state.validations.map(({ step }) => step)).toEqual([0, 4]);
    expect(latestScores(state)[0]?.correct).toBe(1);
  });

  test("is judged on the same images", () => {
    const [verdict] = judge([Uint8Array.of(1, 1, 0, 0), Uint8Array.of(1, 1, 1, 0)], ["LoRA", "RandLoRA"]);
    expect(verdict).toMatchObject({ onlyFirst: 0, onlyOther: 1, images: 4, p: 1 });
    expect(verdict?.statement).toMatch(/RandLoRA got 1 more of 4/);
    expect(judge([], [])).toEqual([]);
  });
});

describe("curves", () => {
  test("keep every spike and both ends when they are thinned", () => {
    const values = Float32Array.from({ length: 10_000 }, (_, i) => Math.sin(i / 500));
    values[4321] = 9;
    values[8765] = -9;
    const kept = decimate(values.length, [(i) => values[i] ?? 0], 400);
    expect(kept.length).toBeLessThanOrEqual(400);
    expect(kept).toEqual(expect.arrayContaining([0, 4321, 8765, 9999]));
    expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
  });

  test("of several lanes share their points, and a gap stays a gap", () => {
    const series = new Series(2);
    for (let step = 1; step <= 5000; step++) series.push(step, [step === 777 ? 50 : 1, step === 3333 ? 60 : 2]);
    series.push(5001, [1, Number.NaN]);
    const points = series.points();
    expect(points.length).toBeLessThanOrEqual(400);
    expect(points.find(({ step }) => step === 777)?.raw[0]).toBe(50);
    expect(points.find(({ step }) => step === 3333)?.raw[1]).toBe(60);
    expect(points.at(-1)).toMatchObject({ step: 5001, raw: [1, null] });
  });

  test("forget the oldest steps when the ring is full", () => {
    const series = new Series(1, 8);
    for (let step = 1; step <= 20; step++) series.push(step, [step]);
    expect(series.points().map(({ step }) => step)).toEqual([13, 14, 15, 16, 17, 18, 19, 20]);
  });

  test("are smoothed from the first point on without a pull to zero", () => {
    const series = new Series(1);
    for (let step = 1; step <= 5; step++) series.push(step, [3]);
    for (const { smooth } of series.points()) expect(smooth[0]).toBeCloseTo(3);
  });
});

describe("the address", () => {
  const read = (hash: string) => readAddress(hash);

  test("says nothing where nothing was changed", () => {
    expect(writeAddress({ config: DEFAULTS, match: true, sample: null })).toBe("");
    expect(read("")).toEqual({ config: DEFAULTS, match: true, sample: null, notices: [] });
  });

  test("brings back what was set", () => {
    const changed: RunConfig = {
      ...DEFAULTS,
      steps: 600,
      batch: 8,
      seed: 4_294_967_295,
      warmup: 0,
      clip: 1.5,
      targets: ["q", "v"],
      head: { kind: "text", template: "ein Foto von {class} & mehr, 100 % 🙂" },
      lanes: [
        { method: "randlora", settings: { rank: 4, alpha: 40 }, lr: 2e-5 },
        { method: "lora", settings: { rank: 8, alpha: 16 }, lr: 3e-3 },
      ],
    };
    const hash = writeAddress({ config: changed, match: false, sample: "eurosat-mini" });
    expect(read(`#${hash}`)).toEqual({ config: changed, match: false, sample: "eurosat-mini", notices: [] });
    const linear = { ...DEFAULTS, head: { kind: "linear" } as const };
    expect(read(writeAddress({ config: linear, match: true, sample: null })).config.head).toEqual({ kind: "linear" });
  });

  test.each([
    ["steps=1e99", { steps: NUMBERS.steps.max }],
    ["steps=-5", { steps: 1 }],
    ["batch=2.6", { batch: 3 }],
    ["batch=NaN", { batch: DEFAULTS.batch }],
    ["batch=", { batch: DEFAULTS.batch }],
    ["validation=Infinity", { validation: DEFAULTS.validation }],
    ["model=../../etc", { model: DEFAULTS.model }],
    ["targets=q.__proto__", { targets: ["q"] }],
    ["targets=", { targets: DEFAULTS.targets }],
    ["prompt=no+class", { head: DEFAULTS.head }],
    ["lanes=evil", { lanes: DEFAULTS.lanes }],
    ["lanes=__proto___rank-1", { lanes: DEFAULTS.lanes }],
    ["constructor=1&__proto__=2", {}],
  ])("moves %s into range or leaves it out, and says so", (hash, expected) => {
    const { config: found, notices } = read(hash);
    expect(found).toMatchObject(expected);
    expect(notices.length).toBeGreaterThan(0);
  });

  test("clamps what a lane asks for and bounds how many there are", () => {
    const { config: found, notices } = read("lanes=lora_rank-1e9_lr-99_constructor-3");
    expect(found.lanes[0]?.settings.rank).toBeLessThan(1e4);
    expect(found.lanes[0]?.lr).toBe(1);
    expect(Object.keys(found.lanes[0]?.settings ?? {})).not.toContain("constructor");
    expect(notices).toHaveLength(3);
    expect(read(`lanes=${Array(50).fill("lora").join("*")}`).config.lanes).toHaveLength(MAX_LANES);
  });

  test("that is far too long is left out whole", () => {
    const { config: found, notices } = read(`prompt=${"x".repeat(10_000)}`);
    expect(found).toEqual(DEFAULTS);
    expect(notices).toHaveLength(1);
  });
});

describe("setting up", () => {
  test("keeps the parameter counts together, until one is set by hand", () => {
    const { setLane, setMatch } = useSetup.getState();
    const counts = () => useSetup.getState().config.lanes.map((lane) => laneParameters(useSetup.getState().config, lane));
    setLane(0, { settings: { rank: 16 } });
    const [lora = 0, randlora = 0] = counts();
    expect(lora).toBe(442_368);
    expect(useSetup.getState().config.lanes[0]?.settings, "α / r stays").toMatchObject({ rank: 16, alpha: 32 });
    expect(Math.abs(randlora / lora - 1)).toBeLessThan(0.05);
    setLane(1, { settings: { rank: 9 } });
    expect(useSetup.getState()).toMatchObject({ match: false, config: { lanes: [{}, { settings: { rank: 9 } }] } });
    setMatch(true);
    expect(Math.abs((counts()[1] ?? 0) / lora - 1)).toBeLessThan(0.05);
  });

  test("starts with the counts matched already", () => {
    expect(matchLanes(DEFAULTS).lanes.map(({ settings }) => settings.rank)).toEqual([32, 2]);
    expect(DEFAULTS.lanes.map((lane) => laneParameters(DEFAULTS, lane))).toEqual([884_736, 893_952]);
  });
});

/** The page's state without the page: events in, state out; curves thinned without losing spikes; settings through the URL. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { judge } from "../src/analysis/judge.ts";
import type { Dataset, Preprocess } from "../src/data/dataset.ts";
import { inMemory } from "../src/data/pixels.ts";
import { countSplit } from "../src/data/split.ts";
import { readAddress, writeAddress } from "../src/store/address.ts";
import { adapterFiles, placeAdapter, useAdopted } from "../src/store/adopted.ts";
import { AUGMENTS, clampLane, DEFAULTS, laneParameters, MAX_LANES, NUMBERS } from "../src/store/config.ts";
import { kindOf } from "../src/store/dropped.ts";
import { exportName } from "../src/store/exporting.ts";
import { freshLane, matchLanes, nearness } from "../src/store/matching.ts";
import { completeSettings, groupMethods, listMethods, setModelConfig, sidesOf } from "../src/store/methods.ts";
import { isAdapterName, isModelName } from "../src/store/names.ts";
import { type Ready, whyNot } from "../src/store/ready.ts";
import { changesNoMatrix, IDLE, isZeroShot, meanRank, type RunAction, reduce, secondsPerStep, zeroShot } from "../src/store/run.ts";
import { decimate, Series } from "../src/store/series.ts";
import { useSetup } from "../src/store/setup.ts";
import { countTower, fromAddress, parseTargets, problemOf, toAddress } from "../src/store/targets.ts";
import { headlineOf, leadersOf, verdictsOf } from "../src/store/verdict.ts";
import { warningsOf } from "../src/store/warnings.ts";
import { NO_AUGMENT } from "../src/train/augment.ts";
import type { AdapterFacts, ModelFacts } from "../src/train/protocol.ts";
import type { LaneConfig, RunConfig, RunEvent } from "../src/train/run.ts";

beforeAll(() => {
  const file = join(import.meta.dirname, "../public/models/clip-tiny/config.json");
  setModelConfig("clip-tiny", JSON.parse(readFileSync(file, "utf8")), true);
  const sizes = { hidden_size: 24, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 48, image_size: 16, patch_size: 8 };
  setModelConfig(NARROW, { ...sizes, model_type: "vit", layer_norm_eps: 1e-5, hidden_act: "gelu" }, false);
});
/** Layers of 24 and 48. */
const NARROW = "toy/narrow@abc";

const config: RunConfig = { ...DEFAULTS, steps: 10 };
const once = { seeds: 1, sweep: null };
const four: Dataset = {
  name: "two",
  classes: ["a", "b"],
  size: 64,
  pixels: inMemory(new Uint8Array(), 4),
  labels: Uint32Array.of(1, 1, 1, 1),
  sources: ["1", "2", "3", "4"],
};
const start: RunAction = { type: "start", config, dataset: four };
const ready: RunEvent = {
  type: "ready",
  gpu: "GPU",
  software: false,
  memory: { weights: 1, activations: 2, lanes: [] },
  lanes: [
    { parameters: 100, way: "activations", exported: { form: "peft", bytes: 400 } },
    { parameters: 101, way: "weight", exported: { form: "merged", bytes: 404 } },
  ],
  split: { train: new Uint32Array(), validation: Uint32Array.of(0, 1, 2, 3), test: new Uint32Array() },
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
  lanes: hits.map((lane) => {
    const correct = lane.reduce((sum, hit) => sum + hit, 0);
    const answers = { predicted: Uint32Array.from(lane), confidence: new Float32Array(lane.length), truth: new Float32Array(lane.length) };
    return { loss: 1, accuracy: correct / lane.length, correct, answers };
  }),
});
const rank = (lane: number, effectiveRank: number, step = 4): RunEvent => ({
  type: "rank",
  step,
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
    expect(secondsPerStep(state)).toBeCloseTo(10 / 1000);
    expect(meanRank(state.lanes[0])).toBeNull();
    expect(meanRank(state.lanes[1])).toEqual({ effective: 1.8, stable: 1.25, above: 2 });
    expect(state.answers?.lanes.map(({ correct }) => correct)).toEqual([2, 3]);
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
    expect(state.answers?.lanes[0]?.correct).toBe(1);
  });

  test("is judged on the same images", () => {
    const judgement = judge({ labels: new Uint32Array(4), lanes: [[Uint8Array.of(1, 1, 0, 0)], [Uint8Array.of(1, 1, 1, 0)]] });
    const [verdict] = verdictsOf(judgement, ["LoRA", "RandLoRA"], "test");
    expect(verdict?.pair.compared).toMatchObject({ onlyA: 0, onlyB: 1, images: 4, p: 1 });
    expect(verdict?.statement).toMatch(/^No difference beyond chance between RandLoRA and LoRA: 75.0 % against 50.0 % of 4 test images/);
    expect(verdict?.why).toMatch(/4 images: 0 answers were right only by LoRA, 1 only by RandLoRA/);
  });
});

describe("the verdict in one line", () => {
  const names = ["LoRA", "RandLoRA", "VeRA"];
  /** So many of 60 images right, the first ones or the last ones. */
  const first = (right: number) => Uint8Array.from({ length: 60 }, (_, i) => Number(i < right));
  const last = (right: number) => first(right).reverse();
  const of = (...lanes: (Uint8Array | null)[]) => judge({ labels: new Uint32Array(60), lanes: lanes.map((hits) => [hits]) });
  const line = (...lanes: (Uint8Array | null)[]) => headlineOf(of(...lanes), names);

  test("says who is ahead, and whether that is sure", () => {
    expect(line(first(30), first(28))).toBe("LoRA is ahead, but that may be chance.");
    expect(line(first(20), first(50))).toBe("RandLoRA is ahead, by more than chance gives.");
    expect(line(first(20), first(50), first(49))).toBe("RandLoRA is ahead; the lead over VeRA may be chance.");
    expect(line(first(50), first(49), first(48))).toBe("LoRA is ahead, but that may be chance.");
    expect(line(first(30), last(30))).toBe("LoRA and RandLoRA are level.");
    expect(line(null, last(30), first(30))).toBe("RandLoRA and VeRA are level.");
    expect(line(first(30), last(30), first(30))).toBe("All methods are level.");
    expect(line(first(10), first(50), first(50))).toBe("RandLoRA and VeRA are level and ahead, by more than chance gives.");
    expect(line(first(30), null)).toBeNull();
    expect(line(new Uint8Array(), new Uint8Array())).toBeNull();
  });

  test("marks those that are ahead, and nobody where all are level", () => {
    expect(leadersOf(of(first(20), first(50), first(49)))).toEqual([1]);
    expect(leadersOf(of(first(10), first(50), last(50)))).toEqual([1, 2]);
    expect(leadersOf(of(first(30), last(30)))).toEqual([]);
    expect(leadersOf(of(null, first(30)))).toEqual([]);
  });

  test("stands above what it rests on: the leader against each other one", () => {
    const briefs = verdictsOf(of(first(20), first(50), first(49)), names, "test").map(({ brief }) => brief);
    expect(briefs).toEqual([
      expect.stringMatching(/^50\.0 points ahead of LoRA \(95 % interval [\d.]+ to [\d.]+, p < 0\.001\): more than chance gives\.$/),
      expect.stringMatching(
        /^1\.7 points ahead of VeRA \(95 % interval −[\d.]+ to [\d.]+, p = 1\): may be chance\. About [\d,]+ test images would tell\.$/,
      ),
    ]);
    expect(verdictsOf(of(first(30), last(30)), names, "test")[0]?.brief).toBe("Level with RandLoRA.");
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
  const sweep = { setting: "rank", lane: 1, values: ["2", "8"] } as const;

  test("says nothing where nothing was changed", () => {
    expect(writeAddress({ config: DEFAULTS, match: true, sample: null, ...once })).toBe("");
    expect(read("")).toEqual({ config: DEFAULTS, match: true, sample: null, ...once, notices: [] });
  });

  test("brings back what was set", () => {
    const changed: RunConfig = {
      ...DEFAULTS,
      steps: 600,
      batch: 8,
      seed: 4_294_967_295,
      warmup: 0,
      clip: 1.5,
      amount: "16",
      augment: { shift: 4, flip: 1, crop: 0.5, colour: 0.4, rand: 0.3 },
      balance: true,
      precision: "half",
      model: "owner/name.x@0123456789012345678901234567890123456789",
      targets: { image: ["q", "v"], text: ["self_attn.q_proj", "fc2"] },
      head: { kind: "text", template: "ein Foto von {class} & mehr, 100 % 🙂" },
      lanes: [
        { method: "randlora", settings: { rank: 4, alpha: 40 }, lr: 2e-5 },
        { method: "lora", settings: { rank: 8, alpha: 16 }, lr: 3e-3, adapter: "fullrank-lora-two" },
      ].map(clampLane),
    };
    const hash = writeAddress({ config: changed, match: false, sample: "eurosat-mini", seeds: 3, sweep });
    expect(read(`#${hash}`)).toEqual({ config: changed, match: false, sample: "eurosat-mini", seeds: 3, sweep, notices: [] });
    const linear = { ...DEFAULTS, head: { kind: "linear" } as const };
    expect(read(writeAddress({ config: linear, match: true, sample: null, ...once })).config.head).toEqual({ kind: "linear" });
  });

  test("leaves the prompt out where it is that of the images, and brings it back with them", () => {
    const asked = (sample: string | null, template: string) =>
      writeAddress({ config: { ...DEFAULTS, head: { kind: "text", template } }, match: true, sample, ...once });
    expect(asked(null, "a photo of a {class}.")).toBe("");
    expect(asked("eurosat-mini", "a satellite photo of {class}.")).toBe("data=eurosat-mini");
    for (const sample of [null, "eurosat-mini", "clothing-mini"])
      for (const template of ["a photo of a {class}.", "a satellite photo of {class}.", "my {class}"])
        expect(read(asked(sample, template))).toMatchObject({ sample, config: { head: { kind: "text", template } } });
    expect(read("").config.head).toEqual({ kind: "text", template: "a photo of a {class}." });
    expect(read("data=eurosat-mini&prompt=none").config.head).toEqual({ kind: "text", template: "a satellite photo of {class}." });
  });

  test.each([
    ["steps=1e99", { steps: NUMBERS.steps.max }],
    ["steps=-5", { steps: 1 }],
    ["batch=2.6", { batch: 3 }],
    ["batch=NaN", { batch: DEFAULTS.batch }],
    ["batch=", { batch: DEFAULTS.batch }],
    ["shift=99", { augment: { ...NO_AUGMENT, shift: AUGMENTS.shift.max } }],
    ["crop=0", { augment: { ...NO_AUGMENT, crop: AUGMENTS.crop.min } }],
    ["flip=0.7", { augment: { ...NO_AUGMENT, flip: 1 } }],
    ["rand=hard", { augment: NO_AUGMENT }],
    ["amount=3", { amount: "all" }],
    ["balance=yes", { balance: false }],
    ["validation=Infinity", { validation: DEFAULTS.validation }],
    ["model=../../etc", { model: DEFAULTS.model }],
    ["model=owner/..", { model: DEFAULTS.model }],
    ["precision=double", { precision: "checkpoint" }],
    ["targets=q.__proto__", { targets: { image: ["q"], text: [] } }],
    ["targets=", { targets: DEFAULTS.targets }],
    ["targets=~(a", { targets: DEFAULTS.targets }],
    ["targets=~(a)%5C1", { targets: DEFAULTS.targets }],
    [`targets=~${"a".repeat(1000)}`, { targets: DEFAULTS.targets }],
    ["targets=,%3Cimg%3E", { targets: DEFAULTS.targets }],
    ["text=nothing", { targets: DEFAULTS.targets }],
    ["lanes=lora_from-../..", { lanes: [{ method: "lora" }] }],
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
  test("takes amounts, augmentation and balance, within their ranges", () => {
    const { setAmount, setAugment, setBalance } = useSetup.getState();
    setAmount("4");
    setAugment("shift", 4.4);
    setAugment("flip", 1);
    setAugment("crop", 0);
    setAugment("colour", Number.NaN);
    setBalance(true);
    expect(useSetup.getState().config).toEqual({
      ...DEFAULTS,
      amount: "4",
      augment: { shift: 4, flip: 1, crop: AUGMENTS.crop.min, colour: 0, rand: 0 },
      balance: true,
    });
    useSetup.setState({ config: DEFAULTS });
  });

  test("a prompt belongs to its images, unless it was typed", () => {
    const { setTemplate, suggestPrompt, setHead } = useSetup.getState();
    const prompt = () => useSetup.getState().config.head;
    const is = (template: string) => expect(prompt()).toEqual({ kind: "text", template });
    is("a photo of a {class}.");
    suggestPrompt("eurosat-mini");
    is("a satellite photo of {class}.");
    suggestPrompt("clothing-mini");
    is("a photo of {class}, a type of clothing.");
    setHead("linear");
    suggestPrompt(null);
    expect(prompt()).toEqual({ kind: "linear" });
    setHead("text");
    is("a photo of a {class}.");
    setTemplate("{class}, seen from a train");
    suggestPrompt("eurosat-mini");
    is("{class}, seen from a train");
    useSetup.setState({ config: DEFAULTS });
    setTemplate("a photo of a {class}.");
  });

  test("knows how many images there are to train on", () => {
    const some = { ...DEFAULTS, validation: 0.1, test: 0.2 };
    const ten = (count: number) => Array.from({ length: 10 }, () => ({ count }));
    expect(countSplit(ten(60), some).train).toBe(420);
    expect(countSplit(ten(60), { ...some, amount: "50%" }).train).toBe(210);
    expect(countSplit(ten(60), { ...some, amount: "16" }).train).toBe(160);
    expect(countSplit(ten(10), { ...some, amount: "16" }).train).toBe(70);
  });

  test("the recipe of the reference is a short link", () => {
    const { config: found, notices } = readAddress("shift=4&flip=1&amount=16&steps=150");
    expect(notices).toEqual([]);
    expect(found).toEqual({ ...DEFAULTS, amount: "16", steps: 150, augment: { ...NO_AUGMENT, shift: 4, flip: 1 } });
    expect(found).toMatchObject({ batch: 64, warmup: 0.1, weightDecay: 0, clip: 0, labelSmoothing: 0 });
  });

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

  test("matches every method that has a size to choose, says how near, and leaves the others as they are", () => {
    const fixed = listMethods().filter(({ sized }) => !sized);
    expect(fixed.map(({ id }) => id).sort()).toEqual(["bitfit", "full", "probe"]);
    for (const { id, sized, defaultLr: lr } of listMethods()) {
      const before = [{ method: id, settings: completeSettings(id, {}), lr }, DEFAULTS.lanes[0]!];
      const matched = matchLanes({ ...DEFAULTS, lanes: sized ? before.reverse() : before });
      const lane = matched.lanes.findIndex(({ method }) => method === id);
      const near = nearness(matched)[lane];
      if (id === "lora") expect(nearness(matched)).toMatchObject([{ kind: "first" }, { kind: "near", ratio: 1 }]);
      // VeRA and NoLA cannot grow to the size of LoRA r 32.
      else if (sized)
        expect(near, id).toMatchObject({ kind: "near", ratio: /vera|nola/.test(id) ? expect.any(Number) : expect.closeTo(1, 1) });
      else {
        expect(near?.kind).toBe("fixed");
        expect(matched.lanes).toEqual(before);
      }
      expect(JSON.stringify(matched), id).not.toContain("null");
    }
  });

  describe("on layers of 24", () => {
    const narrow: RunConfig = { ...DEFAULTS, model: NARROW, head: { kind: "linear" } };
    const warned = (config: RunConfig) =>
      warningsOf({ config, titles: config.lanes.map(({ method }) => method), classes: null, sides: sidesOf(config), memory: null });
    const settings = (config: RunConfig) => config.lanes.map((lane) => lane.settings);

    test("no method begins with what the page warns about, nor is matched to it", () => {
      expect(warned(narrow), "as it stands").toHaveLength(1);
      for (const { id } of listMethods()) {
        const lane = freshLane(narrow, id);
        expect(warned({ ...narrow, lanes: [lane] }), id).toEqual([]);
        for (const rank of [1, 12, 24, 32, 500]) {
          const matched = matchLanes({ ...narrow, lanes: [{ ...DEFAULTS.lanes[0]!, settings: { rank, alpha: 2 * rank } }, lane] });
          const ranks = warned({ ...matched, lanes: matched.lanes.slice(1) }).filter(({ field }) => field !== "lr");
          expect(ranks, `${id} at ${rank}`).toEqual([]);
          if (id === "randlora" && rank === 500)
            expect(nearness(matched)[1], "what cannot be met is told").toMatchObject({ ratio: 7200 / 336_000 });
        }
      }
    });

    test("lanes that nobody has changed fit the model, there and back; those that were changed stay", () => {
      const { setModel, setLane, fitLanes } = useSetup.getState();
      const now = () => useSetup.getState().config;
      useSetup.setState({ config: DEFAULTS, match: true, unmatched: null });
      setModel(NARROW, { text: false }, { text: true });
      expect(settings(now())).toMatchObject([
        { rank: 12, alpha: 24 },
        { rank: 1, alpha: 10 },
      ]);
      setModel("clip-tiny", { text: true }, { text: false });
      expect(settings(now())).toMatchObject([
        { rank: 32, alpha: 64 },
        { rank: 2, alpha: 20 },
      ]);
      setLane(0, { settings: { rank: 20 } });
      setModel(NARROW, { text: false }, { text: true });
      expect(settings(now())[0]).toMatchObject({ rank: 20, alpha: 40 });
      useSetup.setState({ config: narrow, unmatched: null });
      fitLanes();
      expect(settings(now())[0]).toMatchObject({ rank: 12, alpha: 24 });
      expect(useSetup.getState().unmatched, "nobody asked, so nothing is said").toBeNull();
      useSetup.setState({ config: DEFAULTS, match: true });
    });
  });

  test("VeRA sets no size that others would have to shrink to, wherever it stands", () => {
    const vera = freshLane(DEFAULTS, "vera");
    const [lora, randlora] = DEFAULTS.lanes as [LaneConfig, LaneConfig];
    for (const lanes of [
      [vera, lora, randlora],
      [lora, vera, randlora],
      [lora, randlora, vera],
    ]) {
      const matched = matchLanes({ ...DEFAULTS, lanes });
      const rank = (method: string) => matched.lanes.find((lane) => lane.method === method)?.settings.rank;
      expect([rank("lora"), rank("randlora"), rank("vera")]).toEqual([32, 2, 192]);
      expect(nearness(matched)[lanes.indexOf(vera)]).toMatchObject({ kind: "near", ratio: expect.closeTo(0.026, 3) });
    }
    expect(matchLanes({ ...DEFAULTS, lanes: [vera] }).lanes).toEqual([vera]);
  });

  test("what the matching changes by itself is told, all of it after several moves, and can be undone", () => {
    const { setLane, addLane, setMatch, undoMatch, removeLane } = useSetup.getState();
    const ranks = () => useSetup.getState().config.lanes.map((lane) => lane.settings.rank);
    const left = () => useSetup.getState().unmatched?.map((lane) => lane.settings.rank) ?? null;
    useSetup.setState({ config: DEFAULTS, match: true, unmatched: null });
    setLane(0, { lr: 1e-3 });
    expect(left()).toBeNull();
    setLane(0, { settings: { rank: 16 } });
    setLane(0, { settings: { rank: 8 } });
    expect([left(), ranks()]).toEqual([
      [8, 2],
      [8, 9],
    ]);
    setLane(0, { settings: { rank: 32 } });
    expect(left(), "back where it was").toBeNull();
    setLane(0, { settings: { rank: 8 } });
    undoMatch();
    expect([ranks(), useSetup.getState().match, left()]).toEqual([[8, 2], false, null]);
    setMatch(true);
    expect([left(), ranks()]).toEqual([
      [8, 2],
      [8, 9],
    ]);
    addLane("vera");
    expect(left(), "a new lane had no size of its own").toEqual(null);
    setLane(0, { settings: { rank: 32 } });
    expect(left()).toEqual([32, 9, 192]);
    setMatch(false);
    expect(left()).toBeNull();
    removeLane(2);
    useSetup.setState({ config: DEFAULTS, match: true, unmatched: null });
  });

  test("lets the first lane that can have any size set it, and never changes an imported one", () => {
    const full = { method: "full", settings: {}, lr: 1e-4 };
    const [lora, randlora] = DEFAULTS.lanes;
    const imported = { ...randlora!, settings: { ...randlora!.settings, rank: 50 }, adapter: "mine" };
    const matched = matchLanes({ ...DEFAULTS, lanes: [full, { ...lora!, settings: { rank: 8, alpha: 16 } }, randlora!, imported] });
    expect(matched.lanes[1]?.settings.rank).toBe(8);
    expect(matched.lanes[3]).toEqual(imported);
    expect(nearness(matched).map((near) => near?.kind)).toEqual(["fixed", "first", "near", "fixed"]);
    expect(nearness(matched)[2]).toMatchObject({ ratio: expect.closeTo(1, 1) });
  });

  test("keeps an imported lane's start through changes and the address", () => {
    const { placeLane, setLane, removeLane } = useSetup.getState();
    placeLane({ method: "lora", settings: { rank: 3, alpha: 6 }, lr: 1e-3, adapter: "mine" });
    setLane(2, { lr: 2e-3 });
    const { config: given } = useSetup.getState();
    expect(given.lanes[2]).toMatchObject({ method: "lora", settings: { rank: 3 }, lr: 2e-3, adapter: "mine" });
    expect(readAddress(writeAddress({ config: given, match: true, sample: null, ...once })).config.lanes[2]).toEqual(given.lanes[2]);
    placeLane({ method: "dora", settings: {}, lr: 1e-3 }, 2);
    expect(useSetup.getState().config.lanes.map(({ method }) => method)).toEqual(["lora", "randlora", "dora"]);
    removeLane(2);
  });

  test("every method says in a short sentence what it does, and no two the same", () => {
    const told = listMethods().map(({ does }) => does);
    expect(new Set(told).size).toBe(told.length);
    for (const does of told) expect(does).toMatch(/^[A-Z].{15,90}\.$/);
  });

  test("offers every method once, in its group", () => {
    const groups = groupMethods();
    expect(groups.map(({ title }) => title)).toEqual(["Low rank", "Random bases", "Whole model", "Ours"]);
    expect(groups.flatMap(({ methods }) => methods.map(({ id }) => id)).sort()).toEqual(
      listMethods()
        .map(({ id }) => id)
        .sort(),
    );
  });

  test("gives a model without a text tower a linear head, and one with it the words back", () => {
    const { setModel, setTargets, toggleTarget } = useSetup.getState();
    const now = () => useSetup.getState().config;
    setTargets("text", ["q"]);
    setModel("owner/vit@abc", { text: false }, { text: true });
    expect(now()).toMatchObject({ model: "owner/vit@abc", head: { kind: "linear" }, targets: { text: [] } });
    setModel("clip-tiny", { text: true }, { text: false });
    expect(now()).toMatchObject({ model: "clip-tiny", head: DEFAULTS.head });
    for (const target of ["q", "k", "v", "out", "fc1", "fc2"]) toggleTarget("image", target);
    expect(now().targets.image, "the last one stays").toEqual(["fc2"]);
    setTargets("image", DEFAULTS.targets.image);
  });
});

describe("targets", () => {
  test("are read as PEFT reads them: a list of modules, or an expression for the whole path", () => {
    expect(parseTargets("q_proj,  self_attn.v_proj")).toEqual(["q_proj", "self_attn.v_proj"]);
    expect(parseTargets(".*layers\\.[01]\\..*_proj")).toBe(".*layers\\.[01]\\..*_proj");
    expect(countTower("clip-tiny", "image", ["q", "fc1"])).toBe(16);
    expect(countTower("clip-tiny", "image", ["q_proj", "mlp.fc1"])).toBe(16);
    expect(countTower("clip-tiny", "image", ".*layers\\.[01]\\..*_proj")).toBe(8);
    expect(countTower("clip-tiny", "image", "layers")).toBe(0);
    expect(countTower("clip-tiny", "text", ["q"])).toBeGreaterThan(0);
    expect(countTower("never/seen", "image", ["q"])).toBe(0);
    expect(problemOf("(q")).toMatch(/group open/);
    expect(problemOf("all-linear")).toMatch(/all-linear/);
    expect(problemOf("q.*")).toBeUndefined();
  });

  test.each([[["q", "v"]], [["self_attn.q_proj", "fc2"]], [".*\\.(q|v)_proj"], [[]]])("%j stand in the address", (targets) => {
    const written = toAddress(targets);
    expect(fromAddress(written)).toEqual(targets.length > 0 ? { targets } : { problem: expect.any(String) });
  });
});

describe("models", () => {
  test.each([
    ["clip-tiny", true],
    ["owner/name", true],
    ["owner/name@main", true],
    ["folder:my model", true],
    ["folder:", false],
    ["constructor", false],
    ["../../etc", false],
    ["owner/../name", false],
    ["https://example.com/x", false],
    ["owner/name@../x", false],
  ])("%s is a name: %s", (name, sound) => expect(isModelName(name)).toBe(sound));

  test("can read class names where they have a text tower, and a tokenizer beside it", () => {
    const clip = JSON.parse(readFileSync(join(import.meta.dirname, "../public/models/clip-tiny/config.json"), "utf8"));
    expect(setModelConfig("a/clip", clip, true)).toEqual({ kind: "CLIP", text: true });
    expect(setModelConfig("a/clip", clip, false)).toEqual({ kind: "CLIP", text: false });
    const [hidden_size, num_hidden_layers, num_attention_heads, intermediate_size] = [8, 1, 2, 16];
    const sizes = { hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, image_size: 16, patch_size: 8 };
    const vit = { ...sizes, model_type: "vit", layer_norm_eps: 1e-5, hidden_act: "gelu" };
    expect(setModelConfig("a/vit", vit, true)).toEqual({ kind: "ViT", text: false });
  });

  test("of a kind that is not built are refused by name, and change nothing", () => {
    expect(() => setModelConfig("a/b", { model_type: "bert" }, false)).toThrow(/bert/);
    expect(countTower("a/b", "image", ["q"])).toBe(0);
  });

  test("and adapters are told from images by the names of their files", () => {
    expect(kindOf(["m/config.json", "m/model.safetensors"])).toBe("model");
    expect(kindOf(["m/config.json", "m/model-00001-of-00002.safetensors", "m/model.safetensors.index.json"])).toBe("model");
    expect(kindOf(["a/adapter_config.json", "a/adapter_model.safetensors", "a/config.json"])).toBe("adapter");
    expect(kindOf(["cats/1.jpg", "cats/config.json"])).toBe("images");
    expect(kindOf([])).toBe("images");
  });
});

describe("before a race", () => {
  const wanted: Preprocess = { resize: 64, crop: 64, resample: "bicubic", mean: [0, 0, 0], std: [1, 1, 1] };
  const dataset: Dataset = { ...four, labels: Uint32Array.of(0, 0, 1, 1) };
  const facts: ModelFacts = {
    model: "clip-tiny",
    name: "CLIP-tiny",
    kind: "CLIP",
    config: {},
    preprocess: {},
    bytes: 10,
    present: 10,
    licence: null,
    text: true,
  };
  const sound: Ready = { config: DEFAULTS, seeds: 1, dataset, prepared: wanted, wanted, facts, held: new Map() };
  const lane = { method: "lora", settings: {}, lr: 1e-3 };
  const fault = { kind: "input", what: "w", kept: "k", todo: "t" } as const;

  test("nothing stands in the way of sound settings", () => {
    expect(whyNot(sound)).toBeNull();
    expect(whyNot({ ...sound, wanted: { ...wanted, mean: [0.5, 0.5, 0.5] } }), "mean and deviation come later").toBeNull();
    expect(
      whyNot({ ...sound, held: new Map([["x", { fault: null }]]), config: { ...DEFAULTS, lanes: [{ ...lane, adapter: "x" }] } }),
    ).toBeNull();
  });

  test.each<[RegExp, Partial<Ready>]>([
    [/Look up owner\/name/, { facts: undefined, config: { ...DEFAULTS, model: "owner/name@abc" } }],
    [/Drop the folder mine/, { facts: undefined, config: { ...DEFAULTS, model: "folder:mine" } }],
    [/Download CLIP-tiny/, { facts: { ...facts, present: 9 } }],
    [/Add images/, { dataset: null }],
    [/prepared for another model/, { wanted: { ...wanted, crop: 32 } }],
    [/second class/, { dataset: { ...dataset, classes: ["a"] } }],
    [/locked test set/, { seeds: 2, config: { ...DEFAULTS, test: 0 } }],
    [/Add a method/, { config: { ...DEFAULTS, lanes: [] } }],
    [/Drop the adapter x again/, { config: { ...DEFAULTS, lanes: [{ ...lane, adapter: "x" }] } }],
    [/does not fit/, { config: { ...DEFAULTS, lanes: [{ ...lane, adapter: "x" }] }, held: new Map([["x", { fault }]]) }],
    [/classifier alone/, { config: { ...DEFAULTS, lanes: [{ ...lane, method: "probe" }] } }],
    [/names no layer/, { config: { ...DEFAULTS, targets: { image: "nothing", text: [] } } }],
  ])("%s", (says, change) => expect(whyNot({ ...sound, ...change })).toMatch(says));
});

describe("exchange", () => {
  const facts: AdapterFacts = { method: "lora", settings: { rank: 4, alpha: 8 }, parameters: 10, layers: 2, text: false, classes: 0 };
  const files = new Map([["adapter_config.json", new Uint8Array()]]);

  test("an adapter that was found becomes a lane, in place of one where there are four, and is sent along", () => {
    const { removeLane } = useSetup.getState();
    useAdopted.setState({ found: { name: "mine", files, facts, waiting: null } });
    placeAdapter();
    const lanes = () => useSetup.getState().config.lanes;
    expect(lanes().at(-1)).toMatchObject({ method: "lora", settings: { rank: 4, alpha: 8, dropout: 0 }, adapter: "mine" });
    expect([...adapterFiles(lanes())]).toEqual([["mine", files]]);
    useSetup.getState().addLane("vera");
    expect(lanes()).toHaveLength(MAX_LANES);
    useAdopted.setState({ found: { name: "other", files, facts, waiting: null } });
    placeAdapter(3);
    expect(lanes().map(({ adapter }) => adapter)).toEqual([undefined, undefined, "mine", "other"]);
    removeLane(3);
    removeLane(2);
    expect(adapterFiles(lanes()).size).toBe(0);
  });

  test("an adapter that a lane waits for goes back to it", () => {
    const { placeLane, removeLane } = useSetup.getState();
    placeLane({ method: "lora", settings: facts.settings, lr: 1e-3, adapter: "lost" });
    const before = useSetup.getState().config;
    useAdopted.setState({ held: new Map(), found: { name: "lost", files, facts, waiting: 2 } });
    placeAdapter();
    expect(useSetup.getState().config).toBe(before);
    expect(useAdopted.getState().held.get("lost")).toMatchObject({ facts, fault: null });
    removeLane(2);
  });

  test("files are called after method and images, whatever these are called", () => {
    const race = (images: string) => ({
      dataset: { ...four, name: images },
      config: { ...DEFAULTS, lanes: [...DEFAULTS.lanes, DEFAULTS.lanes[0]!] },
    });
    expect(exportName(race("Land from space"), 1, "peft")).toBe("fullrank-randlora-eurosat");
    expect(exportName(race("My Cats & Dogs/é"), 0, "onnx")).toBe("fullrank-lora-my-cats-dogs-e-onnx");
    expect(exportName(race("قطط"), 2, "merged")).toBe("fullrank-lora-images-merged-2");
    expect(isAdapterName(exportName(race("x".repeat(500)), 2, "merged"))).toBe(true);
  });

  test("methods say how they leave", () => {
    const ids = (kind: string) =>
      listMethods()
        .filter(({ leaves }) => leaves === kind)
        .map(({ id }) => id)
        .sort();
    expect(ids("own")).toEqual(["dora", "lora", "randlora", "rslora", "vera"]);
    expect(ids("merged")).toEqual(["bitfit", "full", "probe"]);
    expect(ids("lora")).toEqual(["hybrid", "nola", "nolavit", "randloraa", "randlorab"]);
    expect(
      listMethods()
        .filter(({ hasBases }) => hasBases)
        .map(({ id }) => id)
        .sort(),
    ).toEqual(["randlora", "vera"]);
  });

  test("a method that changes no matrix has no rank, and no number stands in for it", () => {
    const none = run(start, ready, { type: "rank", step: 4, lane: 0, layers: [] });
    expect(changesNoMatrix(none.lanes[0]?.rank)).toBe(true);
    expect(changesNoMatrix(none.lanes[1]?.rank), "not measured yet").toBe(false);
    expect(meanRank(none.lanes[0])).toBeNull();
    const imported = { ...config, lanes: [{ ...config.lanes[0]!, adapter: "mine" }] };
    expect([isZeroShot(config), isZeroShot(imported)]).toEqual([true, false]);
    const before = run({ ...start, config: imported } as RunAction, ready, rank(0, 3.5, 0));
    expect(meanRank(before.lanes[0])?.effective, "an imported update has its rank before the first step").toBe(3.5);
  });
});

/** The lab: it passes what is right and fails what is planted wrong, counts what a step computes, and its report leads to README's tables. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openGpu } from "../src/gpu/device.ts";
import { storage } from "../src/gpu/memory.ts";
import { agreement } from "../src/lab/agreement.ts";
import { arithmetic } from "../src/lab/arithmetic.ts";
import { median, milliseconds } from "../src/lab/clock.ts";
import { type Order, readOrder, usual, writeOrder } from "../src/lab/order.ts";
import { explained, flopsOf, grouped, kernelRates, type Profile, rate } from "../src/lab/profile.ts";
import { asText, type Report, runtimeName, verification } from "../src/lab/report.ts";
import { runLab } from "../src/lab/run.ts";
import type { Step } from "../src/lab/steps.ts";
import { CLASSES, openTower } from "../src/lab/towers.ts";
import { type AnyOracle, oracles, verifyCase, verifyOp } from "../src/lab/verify.ts";
import type { Launch, OpDef, Recorder } from "../src/tensor/op.ts";
import { type Tensor, tensor } from "../src/tensor/tensor.ts";
import type { Trial } from "../src/tensor/variant.ts";
import { adapters, targetSites } from "../src/train/catalog.ts";
import { headValues } from "../src/train/head.ts";
import { Lane } from "../src/train/lane.ts";
import { adamwOf } from "../src/train/optimizer.ts";
import { ownTensors } from "../src/train/outline.ts";
import { Batch, recordStep, unit } from "../src/train/record.ts";
import { runLabPage } from "./bench/lab.mjs";
import { mergeRows, readPytorch } from "./bench/merge.ts";
import { fill } from "./bench/readme.ts";
import { type App, startApp } from "./browser/app.ts";
import { gpu } from "./gpu.ts";
import { gpuAs, kernels } from "./toy.ts";

const oracleOf = (op: string): AnyOracle => oracles[`/src/ops/${op}.ref.ts`] as AnyOracle;
const NEVER = Number.POSITIVE_INFINITY;

describe("verification", () => {
  test.each(["add", "gelu", "pool"])("passes %s, every case of it, for GPUs and for software adapters", async (op) => {
    const oracle = oracleOf(op);
    for (const software of [true, false]) {
      const { cases } = await verifyOp(gpuAs(software), kernels, oracle, 0);
      expect(cases.map((checked) => checked.case)).toEqual(oracle.cases.map(({ name }) => name));
      for (const { failure, worst } of cases) {
        expect(failure).toBeUndefined();
        expect(worst.error).toBeLessThanOrEqual(worst.tolerance);
      }
    }
  });

  /** The op as it is, but for what `change` makes of its launches; `backward` says of which half. */
  function planted(op: string, change: (launch: Launch) => Launch, half: "forward" | "backward"): AnyOracle {
    const oracle = oracleOf(op);
    const wrong = (r: Recorder): Recorder => ({
      software: r.software,
      out: (shape, type) => r.out(shape, type),
      run: (launch) => r.run(change(launch)),
      pick: (problem, variants, trial) => r.pick(problem, variants, trial),
    });
    const right = oracle.op as OpDef<string, never, unknown>;
    const forward: typeof right.forward = (r, ...rest) => right.forward(half === "forward" ? wrong(r) : r, ...rest);
    const backward: NonNullable<typeof right.backward> = (r, ...rest) =>
      (right.backward as NonNullable<typeof right.backward>)(half === "backward" ? wrong(r) : r, ...rest);
    return { ...oracle, op: { ...right, forward, backward } };
  }
  const direct = (change: (launch: Launch) => Partial<Launch>) => (launch: Launch) =>
    launch.shader === "matmul_direct" ? { ...launch, ...change(launch) } : launch;
  const params = (some: (of: Launch["params"]) => Launch["params"]) =>
    direct((launch) => ({ params: { ...launch.params, ...some(launch.params) } }));
  const odd = "odd, with bias and add";

  test.each<[string, AnyOracle, RegExp]>([
    [
      "a result that is a thousandth too large",
      planted(
        "matmul",
        params(({ alpha = 1 }) => ({ alpha: 1.001 * alpha })),
        "forward",
      ),
      /^y\[\d+\] is/,
    ],
    [
      "a gradient that is a hundredth too large",
      planted(
        "matmul",
        params(({ alpha = 1 }) => ({ alpha: 1.01 * alpha })),
        "backward",
      ),
      /^d[ab]\[\d+\] is/,
    ],
    [
      "a row past the end",
      planted(
        "matmul",
        params(({ m = 0 }) => ({ m: m + 1 })),
        "forward",
      ),
      /written past the end/,
    ],
    [
      "a row that nobody writes",
      planted(
        "matmul",
        params(({ m = 0 }) => ({ m: m - 1 })),
        "forward",
      ),
      /is NaN/,
    ],
    [
      "a gradient that forgets the one before",
      planted(
        "matmul",
        direct((l) => ({ overrides: { ...l.overrides, HAS_ADD: 0 } })),
        "backward",
      ),
      /^da\[\d+\] is/,
    ],
    [
      "a kernel that does not exist",
      planted(
        "matmul",
        direct(() => ({ entry: "nowhere" })),
        "forward",
      ),
      /no entry point/,
    ],
  ])("fails %s", async (_what, oracle, failure) => {
    const c = oracle.cases.find(({ name }) => name === odd) as AnyOracle["cases"][number];
    const right = await verifyCase(gpu, kernels, oracleOf("matmul"), c, true);
    expect(right.failure).toBeUndefined();
    const wrong = await verifyCase(gpu, kernels, oracle, c, true);
    expect(wrong.failure).toMatch(failure);
  });

  /** y (5) = 2 · x[0] · x, for GPUs in three variants of which the last is wrong. */
  const oracle = {
    op: {
      name: "scaled",
      forward(r: Recorder, { x }: { readonly x: Tensor }) {
        const variants = [2, 2, 3].map((alpha, i) => ({ name: String(i), alpha }));
        const { alpha } = r.software ? { alpha: 2 } : r.pick("scaled", variants, () => undefined);
        const y = r.out([5, 1]);
        const buffers = { a: x, b: x, half_b: x, bias: x, add: x, y };
        r.run({ shader: "matmul_direct", entry: "direct", buffers, params: { m: 5, n: 1, k: 1, alpha }, groups: [1, 1] });
        return { y };
      },
    },
    reference: ({ x }: { readonly x: Float64Array }) => x.map((v) => 2 * (x[0] as number) * v),
    differentiable: [],
    cases: [{ name: "one", shapes: { x: [5, 1] }, cfg: {} }],
  } as unknown as AnyOracle;

  test("tries every variant, and says which one is wrong", async () => {
    const { cases } = await verifyOp(gpuAs(false), kernels, oracle, NEVER);
    expect(cases).toEqual([expect.objectContaining({ runs: 4, left: 0, failure: expect.stringMatching(/^variant 3: y\[0\]/) })]);
    const hurried = await verifyOp(gpuAs(false), kernels, oracle, 0);
    expect(hurried.cases[0]).toMatchObject({ runs: 2, left: 2 });
    expect(hurried.cases[0]).not.toHaveProperty("failure");
  });
});

test("two variants of a problem agree, or the one that is used is named", async () => {
  const trial: Trial = {
    names: ["guess", "same", "wrong", "unwritten"],
    record(r, which, given) {
      const [a, b] = [given([12, 8]), given([8, 8])];
      const parts = r.out([12, 8]);
      const y = r.out([12, 8]);
      const params = { m: which === 3 ? 11 : 12, n: 8, k: 8, alpha: which === 2 ? 1.01 : 1 };
      const product = { shader: "matmul_direct", entry: "direct", groups: [1, 1], params } as const;
      r.run({ ...product, buffers: { a, b, half_b: b, bias: a, add: a, y: parts } });
      r.run({ ...product, buffers: { a: parts, b, half_b: b, bias: a, add: a, y } });
    },
  };
  const of = (name: string) => agreement(gpu, kernels, "product", trial, name);
  expect(await of("same")).toEqual({ problem: "product", variant: "same", other: "guess", error: 0 });
  expect(await of("guess")).toEqual({ problem: "product", variant: "guess", other: "same", error: 0 });
  expect(await of("wrong")).toMatchObject({
    variant: "wrong",
    other: "guess",
    failure: expect.stringContaining("differs from guess by 0.0"),
  });
  expect((await of("unwritten")).failure).toContain("differs from guess");
});

describe("the arithmetic of a step", () => {
  const on = gpuAs(true);
  const backbone = openTower(on, kernels, "toy");
  const DEPTH = 2;

  async function recorded(method: string, settings: Record<string, number>, size: number) {
    const head = { kind: "linear", classes: CLASSES } as const;
    const targets = { image: ["q", "k", "v", "out", "fc1", "fc2"], text: [] };
    const lane = await Lane.open(on, kernels, {
      sites: targetSites(backbone.sites, targets),
      config: { method, settings, lr: 1e-3 },
      seed: 0,
      own: ownTensors(backbone, targets, "linear"),
      head: headValues(head, backbone.model.image.width, 0),
    });
    const batch = new Batch(backbone, size);
    const adamw = adamwOf({ weightDecay: 0, clip: 0 });
    const input = { backbone, batch, head, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] } as const;
    const { launches } = recordStep(input, lane, unit(backbone), 0, adamw);
    const sum = (some: readonly Launch[]) => some.reduce((total, launch) => total + flopsOf(launch), 0);
    const products = launches.filter(({ shader }) => !shader.startsWith("attention"));
    const { forward, backward } = arithmetic(backbone, lane, size, CLASSES);
    const { tokens, width } = backbone.model.image;
    lane.destroy();
    batch.destroy();
    const passes = method === "probe" ? 1 : 3; // forward, and twice as much back
    return { products: sum(products), model: forward + backward, forward, attention: passes * DEPTH * 4 * size * tokens * tokens * width };
  }

  // With few rows LoRA runs on the weight, with many by its factors or, at rank 1, on the activations.
  test.each<[string, Record<string, number>, number]>([
    ["lora", { rank: 32 }, 1],
    ["lora", { rank: 32 }, 4],
    ["lora", { rank: 4 }, 64],
    ["lora", { rank: 1 }, 16],
    ["rslora", { rank: 8 }, 8],
    ["full", {}, 4],
    ["full", {}, 7],
    ["bitfit", {}, 4],
    ["probe", {}, 4],
    ["randlora", { rank: 6 }, 4],
    ["vera", { rank: 32 }, 4],
    ["nola", { rank: 4 }, 4],
  ])("%s %o, batch %i: the model counts what the recorded products are", async (method, settings, size) => {
    const { products, model, forward, attention } = await recorded(method, settings, size);
    expect(model - attention).toBe(products);
    expect(forward).toBeLessThan(model);
  });
});

describe("profiles", () => {
  const launch = (m: number, more: Partial<Launch> = {}): Launch => ({
    shader: "matmul",
    entry: "tiled",
    buffers: { a: tensor([m, 8]), b: tensor([8, 4]), y: tensor([m, 4]) },
    params: { m, n: 4, k: 8, slices: 1 },
    groups: [1],
    overrides: { TRANS_A: 0, TRANS_B: 1 },
    knobs: { TILE_M: 64, TILE_N: 32 },
    ...more,
  });
  const ceilings = { copy: 100, matmul: 0.001, side: 512, between: 0 };

  test("put launches of the same kernel and shape together", () => {
    const other = launch(2, { knobs: { TILE_M: 32, TILE_N: 32 } });
    const groups = grouped([
      { launch: launch(2), ms: 1 },
      { launch: launch(3), ms: 5 },
      { launch: launch(2), ms: 2 },
      { launch: other, ms: 0.5 },
    ]);
    expect(groups.map(({ shape, variant, launches, ms }) => [shape, variant, launches, ms])).toEqual([
      ["NT 3×4×8", "64×32", 1, 5],
      ["NT 2×4×8", "64×32", 2, 3],
      ["NT 2×4×8", "32×32", 1, 0.5],
    ]);
    expect(groups[1]).toMatchObject({ flops: 2 * (2 * 2 * 4 * 8), bytes: 2 * 4 * (16 + 32 + 8) });
  });

  test("a kernel is held against the ceiling that binds it", () => {
    expect(rate({ ms: 1, flops: 5e8, bytes: 1e6 }, { ...ceilings, matmul: 1 })).toEqual({ gflops: 500, gbps: 1, share: 0.5 });
    expect(rate({ ms: 1, flops: 0, bytes: 5e7 }, ceilings)).toEqual({ gflops: 0, gbps: 50, share: 0.5 });
    expect(rate({ ms: 0, flops: 1, bytes: 1 }, ceilings).share).toBe(0);
    const groups = grouped([{ launch: launch(2), ms: 1 }]);
    const profile: Profile = { model: "toy", method: "lora", stepMs: 2, ms: 1, between: 0.5, groups };
    expect(explained(profile)).toBe(0.75);
    const twice = kernelRates("toy", [profile, { ...profile, method: "dora" }, { ...profile, model: "clip-b32" }], ceilings);
    expect(twice).toEqual([expect.objectContaining({ model: "toy", ms: 1, ...rate({ ms: 1, flops: 128, bytes: 224 }, ceilings) })]);
  });

  test("time work by the clock on the wall", async () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    const [from, to] = [storage(gpu, 4096, "from"), storage(gpu, 4096, "to")];
    const ms = await milliseconds(gpu, (encoder) => encoder.copyBufferToBuffer(from, 0, to, 0, 4096));
    expect(ms).toBeGreaterThan(0);
  });
});

test("an order goes into the address and back, and what is not known is named", () => {
  const otherwise = usual(false);
  const order: Order = { ...otherwise, models: ["clip-b32", "toy"], methods: ["full", "lora+randlora"], batch: 8, verify: false };
  const isMethod = (id: string) => adapters.has(id);
  const text = writeOrder(order, otherwise);
  expect(text).toBe("models=clip-b32,toy&methods=full,lora+randlora&batch=8&verify=0");
  expect(readOrder(text, otherwise, isMethod)).toEqual({ order, problems: [] });
  expect(readOrder("", otherwise, isMethod)).toEqual({ order: otherwise, problems: [] });
  expect(writeOrder(otherwise, otherwise)).toBe("");
  const odd = readOrder("models=clip-b32,clip-x&methods=lora+x&batch=0&speed=9&models=", otherwise, isMethod);
  expect(odd.order).toEqual({ ...otherwise, models: [], methods: [] });
  const second = readOrder("models=clip-b32,clip-x&methods=lora,lora+x&batch=0&speed=9", otherwise, isMethod);
  expect(second.order).toEqual({ ...otherwise, models: ["clip-b32"], methods: ["lora"] });
  expect(second.problems).toEqual([
    'There is no model "clip-x".',
    'There is no method "lora+x".',
    "A batch has 1 to 1024 images.",
    'There is no setting "speed".',
  ]);
});

test.each([
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36", "Chrome 156"],
  ["Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0", "Edge 150"],
  ["Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15", "Safari 26"],
  ["Mozilla/5.0 (X11; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox 145"],
  ["Node.js/22.1.0", "Node.js 22"],
])("%s is %s", (agent, name) => {
  expect(runtimeName(agent)).toBe(name);
});

const { dawn } = globalThis as unknown as { readonly dawn: GPU };
const small: Order = { models: ["toy"], methods: ["probe", "lora+full"], batch: 2, verify: false, profile: true };

test("a run measures what was ordered, and its report is plain JSON", async () => {
  const told: number[] = [];
  const report = await runLab(
    () => openGpu(dawn),
    "Node.js/22",
    small,
    (_what, done) => told.push(done),
  );
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  expect(report).toMatchObject({ format: "fullrank-bench", version: 1, runtime: "Node.js/22", order: small, failures: [], verified: [] });
  expect(report.device).toMatchObject({ name: gpu.name, software: gpu.software });
  expect(report.ceilings?.copy).toBeGreaterThan(0);
  expect(report.ceilings?.matmul).toBeGreaterThan(0);
  expect(report.steps.map(({ model, method }) => [model, method])).toEqual([
    ["toy", "probe"],
    ["toy", "lora+full"],
  ]);
  for (const step of report.steps) {
    expect(step.ms).toBeGreaterThan(0);
    expect(step.imagesPerSecond).toBeCloseTo((1000 * 2 * step.method.split("+").length) / step.ms, 6);
    expect(step.mfu).toBeCloseTo(step.flops / (step.ms * 1e9 * (report.ceilings?.matmul ?? 0)), 6);
    for (const bytes of [step.weights, step.activations, step.lanes, step.parameters]) expect(bytes).toBeGreaterThan(0);
  }
  if (gpu.features.has("timestamp-query")) {
    expect(report.profiles.map(({ method }) => method)).toEqual(["probe", "lora+full"]);
    for (const { groups, ms, stepMs, method } of report.profiles) {
      expect(stepMs).toBe(report.steps.find((step) => step.method === method)?.ms);
      expect(groups.reduce((sum, group) => sum + group.ms, 0)).toBeCloseTo(ms, 6);
    }
    expect(report.kernels.some(({ kernel, share }) => kernel.startsWith("matmul") && share > 0)).toBe(true);
  }
  expect(told.every((done, i) => done >= (told[i - 1] ?? 0) && done <= 1)).toBe(true);
  const text = asText(report);
  for (const words of [gpu.name, "copy", "best matmul", "lora+full", "ms/step", "profile of toy, probe"]) expect(text).toContain(words);
});

test("what a lost device takes with it is named, and the rest is measured on another", async () => {
  let opened = 0;
  const report = await runLab(
    async () => {
      const one = await openGpu(dawn);
      if (opened++ === 0) setTimeout(() => one.device.destroy(), 0);
      return one;
    },
    "Node.js/22",
    { ...small, methods: ["probe"], profile: false },
    () => undefined,
  );
  expect(opened).toBe(2);
  expect(report.failures).toEqual([{ what: "The ceilings", why: expect.stringContaining("lost") }]);
  expect(report.steps).toHaveLength(1);
  expect(report.steps[0]).not.toHaveProperty("mfu");
  expect(asText(report)).toContain("The ceilings could not be measured");
});

describe("from the report to README", () => {
  const step = (model: Step["model"], method: string, ms: number): Step => ({
    model,
    method,
    batch: 64,
    parameters: 1234,
    way: "on the weight",
    ms,
    imagesPerSecond: 64_000 / ms,
    weights: 100 * 2 ** 20,
    activations: 900 * 2 ** 20,
    lanes: 24 * 2 ** 20,
    flops: 1e12,
    mfu: 0.5,
  });
  const report: Report = {
    format: "fullrank-bench",
    version: 1,
    date: "2026-01-02T03:04:05.000Z",
    runtime: "Mozilla/5.0 HeadlessChrome/156.0.0.0 Safari/537.36",
    device: { name: "Some GPU", id: "some", software: false, features: [] },
    order: { ...usual(false), models: ["clip-b32"] },
    verified: [],
    agreements: [],
    ceilings: { copy: 4000, matmul: 42.5, side: 4096, between: 0.002 },
    steps: [step("clip-b32", "lora", 40), step("clip-b32", "full", 60), step("clip-b32", "lora+full", 99), step("vit-ti16", "vera", 30)],
    profiles: [],
    kernels: [],
    failures: [],
  };
  const printed = [
    "torch 2.11.0 peft 0.21.0 transformers 5.1.0 NVIDIA H200",
    "sgemm 3200x768x768: 37.2 TFLOP/s (0.101 ms)",
    "clip-b32  lora32    B=  64 fp32             50.00 ms (min 47.10)  trainable 5.309M  peak 2048 MiB loss 4.612",
    "clip-b32  lora32    B=  64 tf32             30.00 ms (min 29.10)  trainable 5.309M  peak 2872 MiB loss 4.612",
    "clip-b32  lora32    B=  64 fp32 +compile    44.44 ms (min 43.10)  trainable 5.309M  peak 2872 MiB loss 4.612",
    "clip-b32  lora32    B=  64 fp32 +compile    43.70 ms (min 43.10)  trainable 5.309M  peak 2872 MiB loss 4.612",
    "clip-b32  ft        B=  64 fp32             53.80 ms (min 53.10)  trainable 87.456M  peak 3484 MiB loss 4.612",
    "clip-b32 dora32 fp32 ERR RuntimeError()",
  ].join("\n");
  const { times, versions } = readPytorch(printed);
  const rows = mergeRows(report, times);

  test("PyTorch's lines in f32 are read, the others are not", () => {
    expect(versions).toBe("torch 2.11.0 peft 0.21.0 transformers 5.1.0 NVIDIA H200");
    expect(times).toEqual([
      { model: "clip-b32", method: "lora", batch: 64, compiled: false, ms: 50, peakMib: 2048 },
      { model: "clip-b32", method: "lora", batch: 64, compiled: true, ms: 44.44, peakMib: 2872 },
      { model: "clip-b32", method: "lora", batch: 64, compiled: true, ms: 43.7, peakMib: 2872 },
      { model: "clip-b32", method: "full", batch: 64, compiled: false, ms: 53.8, peakMib: 3484 },
    ]);
  });

  test("a row has both sides of a step, as far as they were measured", () => {
    expect(rows).toEqual([
      { model: "clip-b32", method: "lora", ours_ms: 40, peft_ms: 50, peft_compiled_ms: 43.7, peak_mib: 1024, peft_peak_mib: 2048 },
      { model: "clip-b32", method: "full", ours_ms: 60, peft_ms: 53.8, peft_compiled_ms: null, peak_mib: 1024, peft_peak_mib: 3484 },
      { model: "vit-ti16", method: "vera", ours_ms: 30, peft_ms: null, peft_compiled_ms: null, peak_mib: 1024, peft_peak_mib: null },
    ]);
    expect(() => mergeRows({ steps: [{ ...step("clip-b32", "lora", 1), batch: 32 }] }, times)).toThrow("a batch of 32 here, of 64");
  });

  test("the tables between the markers are made anew, and nothing else", () => {
    const before = "# A\n<!-- bench rows -->\nold\n<!-- /bench -->\nkept\n<!-- bench steps -->\n<!-- /bench -->\nend";
    const after = fill(before, { ...report, rows, pytorch: "torch 2.11.0 peft 0.21.0" });
    expect(after).not.toContain("old");
    expect(after).toMatch(
      /^# A\n<!-- bench rows -->\nSome GPU in Chrome 156, which copies 4000 GB\/s and multiplies 42.50 TFLOP\/s; beside torch 2.11.0/,
    );
    expect(after).toContain("| CLIP ViT-B/32, 224 px, LoRA | 40.00 | 50.00 | 0.80 | 43.70 | 0.92 | 1024 | 2048 | 0.50 |");
    expect(after).toContain("| ViT-Ti/16, 224 px, VeRA | 30.00 | – | – | – | – | 1024 | – | – |");
    expect(after).toContain("\n<!-- /bench -->\nkept\n<!-- bench steps -->\n");
    expect(after).toContain("| CLIP ViT-B/32, 224 px, LoRA and Full fine-tuning | 99.00 | 646.5 | 50.0 % | 1024 MiB |");
    expect(fill(after, { ...report, rows, pytorch: "torch 2.11.0 peft 0.21.0" })).toBe(after);
    expect(() => fill(before, report)).toThrow("There are no rows");
    expect(() => fill(before.replace("bench steps", "bench stepz"), { ...report, rows })).toThrow('a place for "stepz"');
    expect(() => fill("nothing", { ...report, rows })).toThrow("README has no place");
  });

  test("README has a place for each of them", () => {
    expect(fill(readFileSync("README.md", "utf8"), { ...report, rows })).toContain("Some GPU");
  });

  test("a verification is summed up, the worst and the wrong by name", () => {
    const worst = { what: "y[0]", error: 1e-5, tolerance: 2e-5 };
    const verified = [
      { op: "add", cases: [{ case: "smallest", runs: 3, left: 0, worst: { ...worst, error: 0 } }] },
      { op: "mul", cases: [{ case: "odd", runs: 2, left: 5, worst, failure: "variant 2: y[0] is 1, should be 2" }] },
    ];
    const summed = verification({ verified });
    expect(summed).toMatchObject({ ops: 2, cases: 2, runs: 5, left: 5, worst: { op: "mul", case: "odd", error: 1e-5 } });
    expect(summed.wrong).toEqual([{ op: "mul", case: "odd", failure: "variant 2: y[0] is 1, should be 2" }]);
    expect(asText({ ...report, verified })).toContain("1 of 2 cases of 2 ops are wrong");
  });
});

describe("the page", () => {
  let app: App;
  beforeAll(async () => {
    app = await startApp();
  }, 180_000);
  afterAll(() => app.close());

  test("measures in a browser what its address asks for, and gives it as JSON", async () => {
    const { json, text } = await runLabPage(app.url, "models=toy&methods=probe&batch=2&verify=0");
    const report = JSON.parse(json) as Report;
    expect(text).toContain("training steps, batch 2");
    expect(report).toMatchObject({ format: "fullrank-bench", failures: [] });
    expect(report.order).toEqual({ models: ["toy"], methods: ["probe"], batch: 2, verify: false, profile: true });
    expect(report.steps).toEqual([expect.objectContaining({ model: "toy", method: "probe" })]);
    expect(report.ceilings?.matmul).toBeGreaterThan(0);
    expect(runtimeName(report.runtime)).toMatch(/^Chrome \d+$/);
  }, 600_000);

  test("fetches the lab when it is opened, and not before", async () => {
    const page = await (await fetch(app.url)).text();
    const scripts = [...page.matchAll(/(?:src|href)="\.?\/?(assets\/[^"]+\.js)"/g)].map(([, path]) => `${app.url}${path}`);
    expect(scripts.length).toBeGreaterThan(0);
    for (const script of scripts) expect(await (await fetch(script)).text()).not.toContain("fullrank-bench");
  });
});

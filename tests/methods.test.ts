/** What tells the methods apart: sizes, ranks, what moves, what is shared, and how each stands in PEFT's files. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { countAdded, countParameters } from "../src/adapters/adapter.ts";
import { rankOf } from "../src/analysis/rank.ts";
import { adapterConfig, fieldsOf } from "../src/formats/config.ts";
import { FormatError, UnsupportedError } from "../src/formats/error.ts";
import type { JsonObject } from "../src/formats/json.ts";
import { upload, write } from "../src/gpu/memory.ts";
import type { Parameter } from "../src/models/model.ts";
import { normal } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { numel, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { adapterOf, adapters, completeSettings, type Targets, targetSites } from "../src/train/catalog.ts";
import { classify, type Head, headValues } from "../src/train/head.ts";
import { Lane } from "../src/train/lane.ts";
import { outline, ownTensors } from "../src/train/outline.ts";
import golden from "./fixtures/randlora_layer.json" with { type: "json" };
import { gpu } from "./gpu.ts";
import { adaptedLayer, draw, onGpu, outlineOf } from "./layer.ts";
import { relativeError } from "./model.ts";
import { disturb, kernels, program, TARGETS, toyBackbone, toyLane, trained } from "./toy.ts";

const SHAPE = { in: 37, out: 24 };

describe("sizes", () => {
  // (in, out) = (37, 24), so d = 24; by the papers' formulas.
  test.each([
    ["lora", { rank: 5 }, 5 * (37 + 24)],
    ["rslora", { rank: 5 }, 5 * (37 + 24)],
    ["dora", { rank: 5 }, 5 * (37 + 24) + 24],
    ["vera", { rank: 50 }, 24 + 50],
    ["nola", { bases: 33, rank: 4 }, 2 * 33],
    ["nolavit", { bases: 33, rank: 2 }, 2 * 33],
    ["randlora", { rank: 5 }, 5 * (5 + 24)],
    ["randloraa", { rank: 5, bases: 7 }, 7 * (5 + 24)],
    ["randlorab", { rank: 5 }, 3 * (5 + 24)],
    ["hybrid", { rank: 2, basisRank: 5 }, 2 * (37 + 24) + 5 * (5 + 24)],
    ["full", {}, 37 * 24 + 24],
    ["bitfit", {}, 24],
    ["probe", {}, 0],
  ] as const)("%s %o has %i", (method, given, size) => {
    const def = adapterOf(method);
    expect(countParameters(def, outlineOf(SHAPE), completeSettings(def, given))).toBe(size);
  });

  test("layers of one kind are counted each", () => {
    const def = adapterOf("lora");
    const layers = [SHAPE, { in: 5, out: 7 }, { ...SHAPE }, { in: 24, out: 37 }];
    expect(countAdded(def, layers, completeSettings(def, { rank: 3 }))).toBe(3 * (3 * 61 + 12));
  });

  const layers = Array.from({ length: 12 }, () => [
    ...Array.from({ length: 4 }, () => ({ in: 768, out: 768 })),
    { in: 768, out: 3072 },
    { in: 3072, out: 768 },
  ]).flat();
  test("a match at another size keeps the gain of the update", () => {
    for (const method of ["lora", "dora", "randlora", "randlorab"]) {
      const def = adapterOf(method);
      const { rank, alpha } = def.match!(layers, completeSettings(def, {}), 1_000_000);
      const { rank: before, alpha: gain } = completeSettings(def, {});
      expect(rank).not.toBe(before);
      expect(alpha! / rank!, method).toBeCloseTo(gain! / before!, 12);
    }
    const rslora = adapterOf("rslora");
    expect(rslora.match!(layers, completeSettings(rslora, {}), 1_000_000).alpha).toBe(rslora.fields.alpha!.default);
  });

  test("the hybrid's match keeps LoRA's share and comes as near as LoRA's rank allows", () => {
    const [def, lora] = [adapterOf("hybrid"), adapterOf("lora")];
    const unit = countAdded(lora, layers, completeSettings(lora, { rank: 1 }));
    const share = (settings: Readonly<Record<string, number>>) => (unit * settings.rank!) / countAdded(def, layers, settings);
    for (const [rank, basisRank] of [
      [8, 4],
      [40, 6],
      [2, 20],
    ] as const) {
      const settings = completeSettings(def, { rank, basisRank });
      for (const budget of [3_000_000, 5_300_000, 10_000_000]) {
        const matched = def.match!(layers, settings, budget);
        expect(Math.abs(countAdded(def, layers, matched) - budget)).toBeLessThanOrEqual(unit / 2);
        // RandLoRA's sizes lie far apart at small r, so the share can be kept in the main only.
        expect(Math.abs(share(matched) - share(settings)), `${rank}, ${basisRank}, ${budget}`).toBeLessThan(0.15);
      }
    }
  });
});

describe("the rank of ΔW", () => {
  async function rank(method: string, given: Readonly<Record<string, number>>): Promise<number> {
    const { lane, delta, site } = await adaptedLayer({ method, shape: SHAPE, settings: completeSettings(adapterOf(method), given) });
    await disturb(lane);
    const { singularValues } = rankOf((await delta(gpu.software)) as Float32Array<ArrayBuffer>, site.out, site.in);
    return singularValues.filter((s) => s > 1e-5 * singularValues[0]!).length;
  }
  test.each([1, 3, 7])("at r = %i", async (r) => {
    for (const method of ["lora", "rslora", "nola", "nolavit", "vera", "randloraa"]) {
      expect(await rank(method, { rank: r, bases: 40 }), method).toBe(r);
    }
    expect(await rank("randlora", { rank: r })).toBe(24);
    expect(await rank("randlorab", { rank: r })).toBe(r * Math.ceil(12 / r));
    expect(await rank("hybrid", { rank: r, basisRank: 5 })).toBe(24);
  });
  test("is that of all weights for full fine-tuning", async () => expect(await rank("full", {})).toBe(24));
  test.each([1, 3, 7])("of sparse RandLoRA at r = %i: a column in which A has no entry stays as it is", async (r) => {
    const def = adapterOf("randlora");
    for (const bases of [1, 2]) {
      const settings = completeSettings(def, { rank: r, bases });
      const A = def.peft!.shared!.write(def.shared([SHAPE], settings, 3), settings, [SHAPE]).get("randlora_A")!.data;
      const used = Array.from({ length: 24 }, (_, j) => j).filter((j) =>
        Array.from({ length: r }, (_, k) => A[k * 24 + j]).some((v) => v !== 0),
      );
      expect(await rank("randlora", { rank: r, bases })).toBe(used.length);
    }
  });
});

describe("numbers drawn in kernels", () => {
  /** ΔW of every layer of the toy with the same trained numbers in all layers, by path. */
  async function updates(method: string, seed: number): Promise<Map<string, Float32Array>> {
    const on = toyBackbone();
    const settings = completeSettings(adapterOf(method), { rank: 3, bases: 9 });
    const lane = await toyLane(on, { method, settings, lr: 1 }, new Map(), seed);
    for (const [name, t] of lane.trainables.tensors) {
      const stream = name.endsWith(".a") || name.endsWith(".lambda") ? 1 : 2;
      write(gpu, t.buffer as GPUBuffer, t.offset, draw(numel(t.shape), stream));
    }
    const all = new Map<string, Float32Array>();
    for (const site of targetSites(on.sites, TARGETS)) {
      const tape = new Tape(gpu.software);
      const zeros = onGpu([site.out, site.in], new Float32Array(site.out * site.in));
      const y = lane.delta(tape, site, zeros);
      const made = await program(tape, [y]);
      made.run();
      all.set(site.path, await made.read(y));
    }
    return all;
  }
  const layersOf = (all: ReadonlyMap<string, Float32Array>, name: string) =>
    [...all].filter(([path]) => path.endsWith(name)).map(([, v]) => v);

  test("NoLA's differ from layer to layer, those of its ViT variant and of RandLoRA-a are the same in layers of one shape", async () => {
    for (const [method, same] of [
      ["nola", false],
      ["nolavit", true],
      ["randloraa", true],
    ] as const) {
      const all = await updates(method, 4);
      for (const name of ["q_proj", "fc1"]) {
        const [first, second] = layersOf(all, name);
        expect(relativeError(second!, first!) < 1e-6, `${method} ${name}`).toBe(same);
      }
    }
  });
  test("another seed draws others", async () => {
    for (const method of ["nola", "nolavit", "randloraa"]) {
      const [a, b] = [await updates(method, 4), await updates(method, 5)];
      for (const [path, values] of a) expect(relativeError(b.get(path)!, values), path).toBeGreaterThan(0.5);
    }
  });
});

test("a dropped input is the input on average", async () => {
  const p = 0.25;
  const settings = completeSettings(adapterOf("lora"), { rank: 4, alpha: 8, dropout: p });
  const { lane, layer } = await adaptedLayer({ method: "lora", shape: SHAPE, settings, bare: true });
  await disturb(lane);
  const [training, evaluation] = [await layer(undefined, gpu.software), await layer(undefined, gpu.software, false)];
  const want = await evaluation.forward();
  const steps = 300;
  const sum = new Float64Array(want.length);
  for (let step = 1; step <= steps; step++) {
    lane.trainables.prepare(step, 0, { beta1: 0, beta2: 0, eps: 1, weightDecay: 0, clip: 0 });
    (await training.forward()).forEach((v, i) => {
      sum[i]! += v / steps;
    });
  }
  // One step errs by √(p / (1 − p)) of the terms' size, 300 of them by a seventeenth of that; without 1 / (1 − p) it were p.
  expect(relativeError(sum, want)).toBeLessThan(0.1);
});

test("DoRA leaves a row of zeros, whose norm it cannot divide by, at zero", async () => {
  const settings = completeSettings(adapterOf("dora"), { rank: 2 });
  const { layer } = await adaptedLayer({ method: "dora", shape: SHAPE, settings, bare: true });
  for (const way of ["weight", "activations"] as const) {
    const { y, grads } = await (await layer(way, gpu.software)).compute();
    for (const values of [y, ...grads.values()]) expect(values.every((v) => v === 0)).toBe(true);
  }
});

test.each(golden.vera_bases)(
  "VeRA's pair is PEFT's bit for bit: r $r, $in_ → $out",
  ({ r, in_, out, seed, sha256_fp32le_A, sha256_fp32le_B }) => {
    const def = adapterOf("vera");
    const { basisA, basisB } = def.shared(
      [
        { in: in_, out: 1 },
        { in: 1, out },
      ],
      completeSettings(def, { rank: r }),
      seed,
    );
    const sha256 = ({ data }: { data: Float32Array | Uint32Array }) =>
      createHash("sha256").update(new Uint8Array(data.buffer)).digest("hex");
    expect(sha256(basisA!)).toBe(sha256_fp32le_A);
    expect(sha256(basisB!)).toBe(sha256_fp32le_B);
  },
);

describe("methods that train the model's own tensors", () => {
  const both = { image: TARGETS.image, text: TARGETS.image };
  const pixels = onGpu(
    [2, 3, 16, 16],
    Float32Array.from({ length: 1536 }, (_, i) => normal(1, 1, i)),
  );
  const integers = (...data: number[]) => tensor([data.length], { type: "u32", buffer: upload(gpu, Uint32Array.from(data), "texts") });
  const prompts: Head = {
    kind: "prompts",
    ids: integers(1, 4, 19, 0, 0, 0, 1, 5, 6, 7, 8, 19, 1, 9, 9, 19, 0, 0),
    ends: integers(2, 5, 3),
  };
  const linear: Head = { kind: "linear", classes: 3 };
  const dlogits = draw(6, 12);

  async function open(method: string, head: Head) {
    const on = toyBackbone();
    const targets = head.kind === "prompts" ? both : TARGETS;
    const own = ownTensors(on, targets, head.kind === "linear" ? "linear" : "text");
    const config = { method, settings: {}, lr: 1 };
    const setup = { sites: targetSites(on.sites, targets), own, config, seed: 1, head: headValues(head, on.model.image.width, 1) };
    const lane = await Lane.open(gpu, kernels, setup);
    const tape = new Tape(gpu.software);
    const logits = classify(lane.pass(tape, true), on.through(lane.own).model, pixels, head, (name) => lane.tensor(name));
    const grads = tape.backward(logits, onGpu([2, 3], dlogits));
    const wanted = new Map([...lane.trainables.tensors].flatMap(([name, t]) => (grads.has(t) ? [[name, grads.get(t) as Tensor]] : [])));
    const made = await program(tape, [logits, ...wanted.values()]);
    const gradients = async () => {
      made.run();
      return new Map(await Promise.all([...wanted].map(async ([name, y]) => [name, await made.read(y)] as const)));
    };
    const loss = async () => {
      made.run();
      return (await made.read(logits)).reduce((sum, v, i) => sum + v * dlogits[i]!, 0);
    };
    return { on, lane, gradients, loss };
  }

  test("full fine-tuning trains every tensor that its logits come from, BitFit every bias of them, a probe none", async () => {
    for (const [head, tower] of [
      [prompts, "both"],
      [linear, "image"],
    ] as const) {
      const { on, lane } = await open("full", head);
      // What a dual encoder's linear head leaves aside is not trained, nor pulled to zero by weight decay.
      const unused = /^(vision_model\.post_layernorm|visual_projection|logit_scale)/;
      const isUsed = (p: Parameter) => tower === "both" || (p.tower === "image" && !unused.test(p.name));
      const all = on.parameters.filter(isUsed).map(({ name }) => name);
      expect([...lane.own.keys()].toSorted()).toEqual(all.toSorted());
      const bitfit = (await open("bitfit", head)).lane;
      expect([...bitfit.own.keys()].toSorted()).toEqual(all.filter((name) => name.endsWith(".bias")).toSorted());
      expect([...bitfit.own.keys()].some((name) => /norm\w*\.bias$/.test(name))).toBe(true);
      const probe = (await open("probe", head)).lane;
      expect([...probe.trainables.tensors.keys()]).toEqual([...headValues(head, on.model.image.width, 1).keys()]);
    }
  });

  test("full fine-tuning of CLIP-tiny trains all of its vision tower, whose layers can run as stacks", () => {
    const config = JSON.parse(readFileSync("public/models/clip-tiny/config.json", "utf8")) as Record<string, unknown>;
    const { parameters } = outline(config, TARGETS, "text");
    const count = parameters.reduce((sum, { shape }) => sum + numel(shape), 0);
    // The tower, the projection of its result, and the temperature.
    expect(count).toBe(3_609_216 + 192 * 128 + 1);
    expect(parameters.filter(({ name }) => /\.[qkv]_proj\.(weight|bias)$/.test(name))).toHaveLength(8 * 3 * 2);
  });

  test("the text tower is trained where its layers are targets, and nowhere else", () => {
    const on = toyBackbone();
    const towers = (targets: Targets) => {
      const own = ownTensors(on, targets, "text");
      return new Set(on.parameters.filter(({ name }) => own.has(name)).map(({ tower }) => tower));
    };
    expect(towers(TARGETS)).toEqual(new Set(["image"]));
    expect(towers(both)).toEqual(new Set(["image", "text"]));
  });

  test.each(["full", "bitfit"])(
    "%s: it begins as the checkpoint, and every tensor's gradient is the central difference",
    async (method) => {
      for (const head of [prompts, linear]) {
        const { on, lane, gradients, loss } = await open(method, head);
        const first = await trained(lane);
        for (const { name, shape } of on.parameters) {
          if (lane.own.has(name)) expect(first.get(name)!).toEqual(on.checkpoint.tensor(name, shape));
        }
        const grads = await gradients();
        for (const [name, got] of grads) {
          const { buffer, offset } = lane.tensor(name);
          const values = first.get(name)!;
          const size = Math.sqrt(got.reduce((sum, g) => sum + g * g, 0) / got.length);
          for (const i of new Set([0, Math.floor(got.length / 2), got.length - 1])) {
            const moved = async (h: number) => {
              const changed = values.slice();
              changed[i]! += h;
              write(gpu, buffer as GPUBuffer, offset, changed);
              return { at: changed[i]!, loss: await loss() };
            };
            const [up, down] = [await moved(4e-3), await moved(-4e-3)];
            const want = (up.loss - down.loss) / (up.at - down.at);
            // float32's rounding of logits of about 30, over the step.
            expect(Math.abs(got[i]! - want), `${head.kind}: d${name}[${i}] is ${got[i]}, should be ${want}`).toBeLessThan(
              0.01 * (size + Math.abs(want)) + 3e-3,
            );
          }
          write(gpu, buffer as GPUBuffer, offset, values);
        }
        // Only what the head does not look at has no gradient: with a linear head the joint space of images and texts.
        const without = [...lane.own.keys()].filter((name) => !grads.has(name));
        if (head.kind === "prompts") expect(without).toEqual([]);
        for (const name of without) expect(name).toMatch(/projection|logit_scale|post_layernorm/);
      }
    },
  );
});

describe("PEFT's adapter_config.json", () => {
  const forms = [...adapters].flatMap(([id, { peft, ...def }]) => (peft ? [[id, def, peft] as const] : []));
  const others: Readonly<Record<string, Readonly<Record<string, number>>>> = {
    lora: { rank: 7, alpha: 3.5, dropout: 0.05 },
    rslora: { rank: 7, alpha: 3.5, dropout: 0 },
    dora: { rank: 9, alpha: 18, dropout: 0.1 },
    vera: { rank: 100, initial: 0.01, dropout: 0.2 },
    randlora: { rank: 5, alpha: 100, bases: 2, dropout: 0.05 },
  };

  test("has a form for these methods", () => expect(forms.map(([id]) => id).toSorted()).toEqual(Object.keys(others).toSorted()));

  test.each(forms)("%s: settings and seed come back, and no other method takes them", (id, def, peft) => {
    for (const settings of [completeSettings(def, {}), completeSettings(def, others[id]!)]) {
      const json = JSON.parse(
        JSON.stringify(adapterConfig(peft.type, { baseModel: null, targetModules: ["q_proj"], saved: [] }, peft.write(settings, 12))),
      ) as JsonObject;
      const readers = forms.filter(([, , form]) => form.type === json.peft_type && form.read(fieldsOf(json)));
      expect(readers.map(([name]) => name)).toEqual([id]);
      expect(peft.read(fieldsOf(json))).toEqual({ settings, seed: peft.type === "LORA" ? 0 : 12 });
      expect(Object.keys(peft.parts).toSorted()).toEqual(Object.keys(def.trainable(SHAPE, settings)).toSorted());
    }
  });

  test.each(forms)("%s: a hostile field is refused by its name", (_id, def, peft) => {
    const own = peft.write(completeSettings(def, {}), 0);
    for (const [field, value] of Object.entries(own)) {
      const bad = typeof value === "number" ? [-1, 1e12, "6", {}] : typeof value === "boolean" ? [1, "yes", []] : [];
      for (const wrong of bad) {
        if (field === "projection_prng_key" && wrong === 1e12) continue; // any whole number is a seed
        if (/^(save_projection|init_weights|init_lora_weights|lora_bias)$/.test(field)) continue; // another reader's
        const read = () => peft.read(fieldsOf({ ...own, [field]: wrong }));
        expect(read, `${field} = ${JSON.stringify(wrong)}`).toThrow(FormatError);
        expect(read).toThrow(field);
      }
    }
  });

  test("PEFT's defaults stand in for absent fields", () => {
    const settings = (id: string, json: JsonObject = {}) => adapterOf(id).peft!.read(fieldsOf(json));
    expect(settings("lora")).toEqual({ settings: { rank: 8, alpha: 8, dropout: 0 }, seed: 0 });
    expect(settings("vera")).toEqual({ settings: { rank: 256, initial: 0.1, dropout: 0 }, seed: 0 });
    expect(settings("randlora")).toEqual({ settings: { rank: 32, alpha: 640, bases: 0, dropout: 0 }, seed: 0 });
    expect(settings("randlora", { sparse: true, very_sparse: true })!.settings.bases).toBe(2);
    // DoRA with rsLoRA's gain α / √r is the DoRA of √r times the α.
    expect(settings("dora", { use_dora: true, use_rslora: true, r: 16, lora_alpha: 4 })!.settings).toEqual({
      rank: 16,
      alpha: 16,
      dropout: 0,
    });
  });

  test("what would change the arithmetic is refused by its name", () => {
    for (const [id, json] of [
      ["lora", { rank_pattern: { q_proj: 4 } }],
      ["rslora", { use_rslora: true, init_lora_weights: "pissa" }],
      ["dora", { use_dora: true, use_qalora: true }],
      ["randlora", { use_dora: true }],
    ] as const) {
      const read = () => adapterOf(id).peft!.read(fieldsOf(json));
      expect(read).toThrow(UnsupportedError);
      expect(read).toThrow(Object.keys(json).at(-1)!);
    }
  });

  const layers = [SHAPE, { in: 10, out: 50 }];
  test.each(forms.filter(([, , { shared }]) => shared))(
    "%s: shared tensors go into the file and back; those of another size are refused",
    (_id, def, peft) => {
      for (const bases of [0, 1]) {
        const settings = completeSettings(def, { rank: 5, bases });
        const shared = def.shared(layers, settings, 3);
        const files = peft.shared!.write(shared, settings, layers);
        expect([...files.keys()]).toEqual(peft.shared!.keys);
        for (const { shape, data } of files.values()) {
          expect(data).toBeInstanceOf(Float32Array);
          expect(data.length).toBe(numel(shape));
        }
        const back = peft.shared!.read(files, settings, layers);
        const again = peft.shared!.write(back, settings, layers);
        for (const [key, { shape, data }] of files) {
          expect(again.get(key)!.shape).toEqual(shape);
          expect(again.get(key)!.data).toEqual(data);
        }
        for (const sizes of [[...layers, { in: 60, out: 2 }], [...layers, { in: 60, out: 60 }], [{ in: 5, out: 5 }]]) {
          expect(() => peft.shared!.read(files, settings, sizes)).toThrow(FormatError);
        }
        for (const key of peft.shared!.keys) {
          const { shape, data } = files.get(key)!;
          const turned = new Map(files).set(key, { shape: shape.toReversed(), data });
          expect(() => peft.shared!.read(turned, settings, layers), key).toThrow(key);
        }
      }
    },
  );
});

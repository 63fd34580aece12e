/** One suite for every method: drop a file into src/adapters, and it is tested. */
import { describe, expect, test } from "vitest";
import { countParameters, type Way } from "../src/adapters/adapter.ts";
import { rankOf } from "../src/analysis/rank.ts";
import { readback, upload } from "../src/gpu/memory.ts";
import { crossentropy } from "../src/ops/crossentropy.ts";
import { normal } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { numel, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { adapters, completeSettings, siteShapes } from "../src/train/catalog.ts";
import { frozenPass, type Lane } from "../src/train/lane.ts";
import { classify, recordLoss } from "../src/train/record.ts";
import { gpu } from "./gpu.ts";
import { adaptedLayer, onGpu } from "./layer.ts";
import { relativeError } from "./model.ts";
import { bits, disturb, program, settingsLike, TARGETS, textHead, toyBackbone, toyFiles, toyLane, toyWeights, trained } from "./toy.ts";

const WAYS: readonly Way[] = ["weight", "activations"];
const IMAGES = 3;
const config: Record<string, unknown> = JSON.parse(new TextDecoder().decode(toyFiles().config));
const shapes = siteShapes(config, TARGETS);
/** Square, wide and tall, and a size that no tile divides. */
const SHAPES = [
  { in: 12, out: 12 },
  { in: 11, out: 29 },
  { in: 37, out: 10 },
];
const KINDS = [
  ["for a CPU adapter", true],
  ["for a GPU", false],
] as const;

const one = onGpu([1], Float32Array.of(1));
const batch = {
  labels: tensor([IMAGES], { type: "u32", buffer: upload(gpu, Uint32Array.of(2, 0, 1), "labels") }),
  count: tensor([1], { type: "u32", buffer: upload(gpu, Uint32Array.of(IMAGES), "count") }),
};
const pixels = onGpu(
  [IMAGES, 3, 16, 16],
  Float32Array.from({ length: IMAGES * 768 }, (_, i) => normal(1, 1, i)),
);
const adamw = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, clip: 0 };

describe.each([...adapters])("%s", (method, def) => {
  const settings = [2, 3].map((rank) => settingsLike(method, shapes, rank));

  describe.each(KINDS)("%s", (_kind, software) => {
    test("is the frozen model at first: ΔW is exactly zero, logits are the same bit for bit", async () => {
      const on = toyBackbone(software);
      const head = await textHead(on);
      const lane = toyLane(on, { method, settings: settings[0]!, lr: 1 });
      const logits = async (way: Way | undefined) => {
        const tape = new Tape(software);
        const pass = way ? lane.pass(tape, true, way) : frozenPass(tape);
        const y = classify(pass, on.model.image.features(pass, pixels), head, on.model.text, lane);
        const made = await program(tape, [y]);
        made.run();
        return [...(await made.read(y))];
      };
      const before = await logits(undefined);
      expect(new Set(before).size).toBe(before.length);
      for (const way of WAYS) expect(await logits(way)).toEqual(before);
      for (const shape of SHAPES) {
        const delta = await adaptedLayer({ method, shape, settings: settings[0]! }).delta(software);
        expect(delta.every((v) => v === 0)).toBe(true);
      }
    });

    test("a layer computes the same on the weight and on the activations", async () => {
      for (const shape of SHAPES) {
        for (const chosen of settings) {
          const { lane, layer } = adaptedLayer({ method, shape, settings: chosen });
          await disturb(lane);
          const [onWeight, onActivations] = [await layer("weight", software), await layer("activations", software)];
          const [a, b] = [await onWeight.compute(), await onActivations.compute()];
          expect(relativeError(b.y, a.y)).toBeLessThan(1e-5);
          for (const [name, grad] of a.grads) expect(relativeError(b.grads.get(name)!, grad), name).toBeLessThan(1e-5);
        }
      }
    });

    test("the model computes the same on the weight and on the activations: logits and all gradients", async () => {
      const on = toyBackbone(software);
      const head = await textHead(on);
      const lane = toyLane(on, { method, settings: settings[1]!, lr: 1 });
      await disturb(lane, 0.05);
      const compute = async (way: Way) => {
        const tape = new Tape(software);
        const pass = lane.pass(tape, true, way);
        const logits = classify(pass, on.model.image.features(pass, pixels), head, on.model.text, lane);
        const grads = tape.backward(tape.apply(crossentropy, { logits, ...batch }, { smoothing: 0 }), one);
        const wanted = [...lane.trainables.tensors].map(([name, t]) => [name, grads.get(t) as Tensor] as const);
        const made = await program(tape, [logits, ...wanted.map(([, grad]) => grad)]);
        made.run();
        return new Map(
          await Promise.all([["logits", logits] as const, ...wanted].map(async ([name, y]) => [name, await made.read(y)] as const)),
        );
      };
      const [a, b] = [await compute("weight"), await compute("activations")];
      for (const [name, values] of a) {
        expect(
          values.some((v) => v !== 0),
          `${name} is zero`,
        ).toBe(true);
        expect(relativeError(b.get(name)!, values), name).toBeLessThan(1e-4);
      }
    });

    test.each(WAYS)("every gradient is the central difference, on the %s", async (way) => {
      for (const shape of SHAPES) {
        const { lane, layer, dy } = adaptedLayer({ method, shape, settings: settings[1]! });
        await disturb(lane);
        const made = await layer(way, software);
        const { grads } = await made.compute();
        for (const [name, t] of lane.trainables.tensors) {
          const got = grads.get(name.replace("layer.", ""))!;
          const size = Math.sqrt(got.reduce((sum, g) => sum + g * g, 0) / got.length);
          const values = (await trained(lane)).get(name)!;
          for (let probe = 0; probe < 5; probe++) {
            const i = (probe * 7919) % values.length;
            const loss = async (h: number) => {
              const moved = values.slice();
              moved[i]! += h;
              gpu.device.queue.writeBuffer(t.buffer as GPUBuffer, t.offset, moved);
              return { at: moved[i]!, loss: (await made.forward()).reduce((sum, v, j) => sum + v * dy[j]!, 0) };
            };
            // ΔW is linear in most trainables: a long step costs no accuracy, and drowns float32's rounding.
            const [up, down] = [await loss(0.05), await loss(-0.05)];
            const want = (up.loss - down.loss) / (up.at - down.at);
            expect(Math.abs(got[i]! - want), `d${name}[${i}] is ${got[i]}, should be ${want}`).toBeLessThan(2e-3 * (size + Math.abs(want)));
          }
          gpu.device.queue.writeBuffer(t.buffer as GPUBuffer, t.offset, values);
        }
      }
    });
  });

  test("overfits one batch, and leaves the model's own weights as they are", async () => {
    const on = toyBackbone();
    const head = await textHead(on);
    const lane = toyLane(on, { method, settings: settings[1]!, lr: 10 * def.lr });
    expect(lane.parameters).toBe(countParameters(def, shapes, settings[1]!));
    const tape = new Tape(gpu.software);
    const pass = lane.pass(tape, true);
    recordLoss(tape, lane, classify(pass, on.model.image.features(pass, pixels), head, on.model.text, lane), batch, one, 0, adamw);
    const { run } = await program(tape, []);
    const first = await trained(lane);
    const steps = 60;
    for (let step = 1; step <= steps; step++) {
      lane.trainables.prepare(step, lane.config.lr, adamw);
      run();
    }
    const history = new Float32Array(await readback(gpu, lane.trainables.history, 0, 16 * steps));
    expect(history[4 * (steps - 1)]! / history[0]!).toBeLessThan(0.2);

    const moved = await trained(lane);
    for (const [name, values] of moved) expect(bits(values), `${name} has not moved`).not.toBe(bits(first.get(name)!));
    expect([...moved.values()].reduce((sum, { length }) => sum + length, 0)).toBe(lane.parameters);
    const weights = toyWeights();
    for (const { path, weight, bias } of on.sites) {
      for (const [name, { buffer, shape }] of [
        ["weight", weight],
        ["bias", bias],
      ] as const) {
        const now = new Float32Array(await readback(gpu, buffer as GPUBuffer, 0, 4 * numel(shape)));
        expect(bits(now), `${path}.${name}`).toBe(bits(weights.get(`${path}.${name}`)!.data));
      }
    }
  });

  test("the parameter count is what is trained, in numbers that lie apart", async () => {
    for (const chosen of settings) {
      for (const shape of SHAPES) {
        const { lane } = adaptedLayer({ method, shape, settings: chosen });
        const sizes = Object.values(def.trainable(shape, chosen)).map(numel);
        expect(lane.parameters).toBe(sizes.reduce((a, b) => a + b, 0));
        expect(lane.parameters).toBe(countParameters(def, [shape], chosen));
        expect([...lane.trainables.tensors.values()].map(({ offset }) => offset % 256)).toEqual(sizes.map(() => 0));
      }
    }
  });

  test("the seed gives the first values and the frozen tensors again, another seed does not", () => {
    const chosen = settings[1]!;
    const make = (seed: number) => {
      const random = (index: number) => 0.5 + 0.4 * Math.sin(seed + index);
      return { shared: def.shared(shapes, chosen, seed), first: def.init(shapes[0]!, chosen, random) };
    };
    const [a, again, other] = [make(5), make(5), make(6)];
    for (const [name, { shape, data }] of Object.entries(a.shared)) {
      expect(data.length).toBe(numel(shape));
      expect(bits(again.shared[name]!.data)).toBe(bits(data));
      expect(bits(other.shared[name]!.data)).not.toBe(bits(data));
    }
    for (const [name, shape] of Object.entries(def.trainable(shapes[0]!, chosen))) {
      expect(a.first[name]!.length).toBe(numel(shape));
      expect(bits(again.first[name]!)).toBe(bits(a.first[name]!));
    }
  });

  test("two lanes of one seed begin alike, layers do not", async () => {
    const on = toyBackbone();
    const lane = (seed: number): Lane => toyLane(on, { method, settings: settings[0]!, lr: 1 }, new Map(), seed);
    const [a, again, other] = [await trained(lane(1)), await trained(lane(1)), await trained(lane(2))];
    const text = (all: ReadonlyMap<string, Float32Array>) => [...all].map(([name, values]) => `${name} ${bits(values)}`);
    expect(text(again)).toEqual(text(a));
    const drawn = [...a].filter(([, values]) => new Set(values).size > 1);
    for (const [name, values] of drawn) expect(bits(other.get(name)!), name).not.toBe(bits(values));
    expect(new Set(drawn.map(([, values]) => bits(values))).size).toBe(drawn.length);
  });

  test("match finds the nearest parameter count", () => {
    const defaults = completeSettings(def, {});
    // The best that any one setting can do, by trying all its values.
    const counts = Object.entries(def.fields).flatMap(([name, { min, max, step }]) =>
      Array.from({ length: Math.floor((max - min) / step) + 1 }, (_, i) =>
        countParameters(def, shapes, { ...defaults, [name]: min + i * step }),
      ),
    );
    for (const budget of [0, 1, 500, 1111, 2500, 4096, 1e9]) {
      const matched = def.match(shapes, defaults, budget);
      const distance = Math.min(...counts.map((n) => Math.abs(n - budget)));
      expect(Math.abs(countParameters(def, shapes, matched) - budget), `budget ${budget}`).toBe(distance);
      if (matched.alpha && matched.rank) expect(matched.alpha / matched.rank).toBeCloseTo(defaults.alpha! / defaults.rank!, 12); // the gain stays
    }
  });

  test("settings outside their limits give way to the defaults", () => {
    for (const [name, { min, max, default: otherwise }] of Object.entries(def.fields)) {
      expect(otherwise).toBeGreaterThanOrEqual(min);
      expect(otherwise).toBeLessThanOrEqual(max);
      for (const value of [min - 1, max + 1, Number.NaN]) expect(completeSettings(def, { [name]: value })[name]).toBe(otherwise);
      for (const value of [min, max]) expect(completeSettings(def, { [name]: value })[name]).toBe(value);
    }
  });
});

const ranks = async (method: string, rank: number) => {
  const { lane, delta, site } = adaptedLayer({ method, shape: { in: 37, out: 24 }, settings: { rank, alpha: rank } });
  await disturb(lane);
  const { singularValues } = rankOf((await delta(gpu.software)) as Float32Array<ArrayBuffer>, site.out, site.in);
  return singularValues.filter((s) => s > 1e-5 * singularValues[0]!).length;
};
test("LoRA's update has no more than rank r, RandLoRA's has full rank", async () => {
  for (const rank of [1, 3, 7]) {
    expect(await ranks("lora", rank)).toBe(rank);
    expect(await ranks("randlora", rank)).toBe(24);
  }
});

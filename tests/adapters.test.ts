/** One suite for every method: drop a file into src/adapters, and it is tested. */
import { describe, expect, test } from "vitest";
import { type AnyAdapter, countParameters } from "../src/adapters/adapter.ts";
import { readback, upload } from "../src/gpu/memory.ts";
import { crossentropy } from "../src/ops/crossentropy.ts";
import { normal } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { numel, tensor } from "../src/tensor/tensor.ts";
import { adapters, completeSettings } from "../src/train/catalog.ts";
import { frozenPass } from "../src/train/frozen.ts";
import { classify, type Head, headValues } from "../src/train/head.ts";
import type { Lane } from "../src/train/lane.ts";
import { outline } from "../src/train/outline.ts";
import { recordLoss } from "../src/train/record.ts";
import type { Way } from "../src/train/way.ts";
import { gpu } from "./gpu.ts";
import { adaptedLayer, onGpu, outlineOf } from "./layer.ts";
import { relativeError } from "./model.ts";
import { bits, disturb, program, settingsLike, TARGETS, textHead, toyBackbone, toyFiles, toyLane, toyWeights, trained } from "./toy.ts";

/** The third is for one pair of factors, and nothing fused. */
const waysOf = ({ merge }: AnyAdapter): readonly Way[] => (merge ? ["weight", "activations"] : ["weight", "activations", "factors"]);
const IMAGES = 3;
const config: Record<string, unknown> = JSON.parse(new TextDecoder().decode(toyFiles().config));
const whole = outline(config, TARGETS, "text");
const { layers } = whole;
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
/** How far a method may be from the frozen model at the start, where its paper begins elsewhere. */
const FIRST_UPDATE: Readonly<Record<string, number>> = { nolavit: 0.02 };

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
const linear: Head = { kind: "linear", classes: 3 };

describe.each([...adapters])("%s", (method, def) => {
  const settings = [2, 3].map((rank) => settingsLike(method, layers, rank));
  const trainsModel = countParameters(def, whole, settings[0]!) > 0;

  describe.each(KINDS)("%s", (_kind, software) => {
    test("is the frozen model at first: ΔW is exactly zero, logits are the same bit for bit", async () => {
      const on = toyBackbone(software);
      const head = await textHead(on);
      const lane = await toyLane(on, { method, settings: settings[0]!, lr: 1 });
      const logits = async (way: Way | undefined) => {
        const tape = new Tape(software);
        const { model } = on.through(way ? lane.own : new Map());
        const y = classify(way ? lane.pass(tape, true, way) : frozenPass(tape), model, pixels, head, (name) => lane.tensor(name));
        const made = await program(tape, [y]);
        made.run();
        return made.read(y);
      };
      const before = await logits(undefined);
      expect(new Set(before).size).toBe(before.length);
      // A row scale is a norm divided by itself: 1, but for the rounding of a division.
      const most = FIRST_UPDATE[method] ?? (def.rowScale ? 1e-6 : 0);
      for (const way of waysOf(def)) {
        const after = await logits(way);
        if (most > 0) expect(relativeError(after, before)).toBeLessThan(most);
        else expect([...after]).toEqual([...before]);
      }
      for (const shape of SHAPES) {
        const delta = await (await adaptedLayer({ method, shape, settings: settings[0]! })).delta(software);
        expect(Math.max(...delta.map(Math.abs))).toBeLessThanOrEqual(most);
      }
    });

    test("a layer computes the same in every way", async () => {
      for (const shape of SHAPES) {
        for (const chosen of settings) {
          const { lane, layer } = await adaptedLayer({ method, shape, settings: chosen });
          await disturb(lane);
          const a = await (await layer("weight", software)).compute();
          for (const way of waysOf(def).slice(1)) {
            const b = await (await layer(way, software)).compute();
            expect(relativeError(b.y, a.y), way).toBeLessThan(1e-5);
            for (const [name, grad] of a.grads) expect(relativeError(b.grads.get(name)!, grad), `${name}, ${way}`).toBeLessThan(1e-5);
          }
        }
      }
    });

    test("the model computes the same in every way: logits and all gradients", async () => {
      const on = toyBackbone(software);
      const lane = await toyLane(on, { method, settings: settings[1]!, lr: 1 }, headValues(linear, on.model.image.width, 1));
      await disturb(lane, 0.05);
      const compute = async (way: Way) => {
        const tape = new Tape(software);
        const logits = classify(lane.pass(tape, true, way), on.through(lane.own).model, pixels, linear, (name) => lane.tensor(name));
        const grads = tape.backward(tape.apply(crossentropy, { logits, ...batch }, { smoothing: 0 }), one);
        const wanted = [...lane.trainables.tensors].flatMap(([name, t]) => {
          const grad = grads.get(t);
          return grad ? [[name, grad] as const] : [];
        });
        const made = await program(tape, [logits, ...wanted.map(([, grad]) => grad)]);
        made.run();
        return new Map(
          await Promise.all([["logits", logits] as const, ...wanted].map(async ([name, y]) => [name, await made.read(y)] as const)),
        );
      };
      const a = await compute("weight");
      for (const [name, values] of a)
        expect(
          values.some((v) => v !== 0),
          `${name} is zero`,
        ).toBe(true);
      for (const way of waysOf(def).slice(1)) {
        const b = await compute(way);
        for (const [name, values] of a) {
          // Attention does not see a key's bias: its gradient is rounding alone.
          if (!name.endsWith("k_proj.bias")) expect(relativeError(b.get(name)!, values), `${name}, ${way}`).toBeLessThan(1e-4);
        }
      }
    });

    test.each(waysOf(def))("every gradient is the central difference, on the %s", async (way) => {
      for (const shape of SHAPES) {
        const { lane, layer, norms, dy, bias } = await adaptedLayer({ method, shape, settings: settings[1]! });
        await disturb(lane);
        const made = await layer(way, software);
        const { grads } = await made.compute();
        // The norm under a row scale counts as a constant: a difference is taken with the scale that the norm had before it.
        const read = def.rowScale ? await norms(software) : undefined;
        const before = await read?.();
        const loss = async () => {
          const [y, after] = [await made.forward(), await read?.()];
          return y.reduce((sum, v, j) => {
            const o = j % shape.out;
            const held = after && before ? bias[o]! + ((v - bias[o]!) * after[o]!) / before[o]! : v;
            return sum + held * dy[j]!;
          }, 0);
        };
        for (const [name, t] of lane.trainables.tensors) {
          const got = grads.get(name.replace("layer.", ""))!;
          const size = Math.sqrt(got.reduce((sum, g) => sum + g * g, 0) / got.length);
          const values = (await trained(lane)).get(name)!;
          for (let probe = 0; probe < 5; probe++) {
            const i = (probe * 7919) % values.length;
            const moved = async (h: number) => {
              const changed = values.slice();
              changed[i]! += h;
              gpu.device.queue.writeBuffer(t.buffer as GPUBuffer, t.offset, changed);
              return { at: changed[i]!, loss: await loss() };
            };
            // ΔW is linear in most trainables: a long step costs no accuracy, and drowns float32's rounding.
            const [up, down] = [await moved(0.05), await moved(-0.05)];
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
    // What trains nothing of the model has only a head to learn with.
    const head = trainsModel ? await textHead(on) : linear;
    const lane = await toyLane(on, { method, settings: settings[1]!, lr: 10 * def.lr }, headValues(head, on.model.image.width, 1));
    const tape = new Tape(gpu.software);
    const logits = classify(lane.pass(tape, true), on.through(lane.own).model, pixels, head, (name) => lane.tensor(name));
    recordLoss(tape, lane, logits, batch, one, 0, adamw);
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
    for (const [name, { data, shape }] of toyWeights()) {
      const { buffer, offset } = on.tensor(name);
      const now = new Float32Array(await readback(gpu, buffer as GPUBuffer, offset, 4 * numel(shape)));
      expect(bits(now), name).toBe(bits(data));
    }
  });

  test("the parameter count is what is trained, in numbers that lie apart", async () => {
    for (const chosen of settings) {
      for (const shape of SHAPES) {
        const { lane } = await adaptedLayer({ method, shape, settings: chosen });
        const tensors = [...lane.trainables.tensors.values()];
        expect(lane.parameters).toBe(tensors.reduce((sum, { shape: of }) => sum + numel(of), 0));
        expect(lane.parameters).toBe(countParameters(def, outlineOf(shape), chosen));
        expect(tensors.map(({ offset }) => offset % 256)).toEqual(tensors.map(() => 0));
      }
      const lane = await toyLane(toyBackbone(), { method, settings: chosen, lr: 1 });
      expect(lane.parameters).toBe(countParameters(def, whole, chosen));
    }
  });

  test("the seed gives the first values and the frozen tensors again, another seed does not", () => {
    const chosen = settings[1]!;
    const make = (seed: number) => {
      const random = (index: number) => 0.5 + 0.4 * Math.sin(seed + index);
      return { shared: def.shared(layers, chosen, seed), first: def.init(layers[0]!, chosen, random) };
    };
    const [a, again, other] = [make(5), make(5), make(6)];
    for (const [name, { shape, data }] of Object.entries(a.shared)) {
      expect(data.length).toBe(numel(shape));
      expect(again.shared[name]!.data).toEqual(data);
    }
    const all = ({ shared }: typeof a) => Object.values(shared).map(({ data }) => data);
    if (all(a).length > 0) expect(all(other)).not.toEqual(all(a));
    for (const [name, shape] of Object.entries(def.trainable(layers[0]!, chosen))) {
      expect(a.first[name]!.length).toBe(numel(shape));
      expect(bits(again.first[name]!)).toBe(bits(a.first[name]!));
    }
  });

  test("two lanes of one seed begin alike; of another seed, what is drawn differs, and so do the layers", async () => {
    const on = toyBackbone();
    const lane = (seed: number): Promise<Lane> => toyLane(on, { method, settings: settings[0]!, lr: 1 }, new Map(), seed);
    const [a, again, other] = [await trained(await lane(1)), await trained(await lane(1)), await trained(await lane(2))];
    const text = (all: ReadonlyMap<string, Float32Array>) => [...all].map(([name, values]) => `${name} ${bits(values)}`);
    expect(text(again)).toEqual(text(a));
    const random = (seed: number) => def.init(layers[0]!, settings[0]!, (i) => 0.5 + 0.4 * Math.sin(seed + i));
    const [one, two] = [random(1), random(2)];
    const isDrawn = (name: string) => Object.keys(one).some((part) => name.endsWith(`.${part}`) && bits(one[part]!) !== bits(two[part]!));
    for (const [name, values] of a) expect(bits(other.get(name)!) === bits(values), name).toBe(!isDrawn(name));
    const drawn = [...a].filter(([name]) => isDrawn(name)).map(([, values]) => bits(values));
    expect(new Set(drawn).size).toBe(drawn.length);
  });

  test("match finds the nearest parameter count", () => {
    const defaults = completeSettings(def, {});
    const count = (chosen: Readonly<Record<string, number>>) => countParameters(def, whole, chosen);
    const { match } = def;
    const sized = Object.entries(def.fields).filter(
      ([name, { min, max }]) => count({ ...defaults, [name]: min }) !== count({ ...defaults, [name]: max }),
    );
    const side = Math.min(...layers.flatMap((layer) => [layer.in, layer.out]));
    // RandLoRA's pieces are thinner than the layer: one that is not would be the only one.
    const isPiece = (name: string) => name === "basisRank" || (name === "rank" && ["randlora", "randlorab"].includes(method));
    const limitOf = (name: string) => (isPiece(name) ? side - 1 : /rank/i.test(name) ? side : Number.POSITIVE_INFINITY);
    // No field that changes the size, no match.
    expect(match !== undefined).toBe(sized.length > 0);
    for (const budget of match ? [0, 1, 500, 1111, 2500, 4096, 1e9] : []) {
      const matched = match!(layers, defaults, budget);
      expect(completeSettings(def, matched)).toEqual({ ...defaults, ...matched });
      // There is a field none of whose other values comes nearer, as far as the layers allow it.
      const best = sized.map(([name, { min, max, step }]) => {
        const most = Math.min(max, limitOf(name));
        if (matched[name] !== defaults[name]) expect(matched[name], `${name} for ${budget}`).toBeLessThanOrEqual(most);
        return Math.min(
          ...Array.from({ length: Math.floor((most - min) / step) + 1 }, (_, i) =>
            Math.abs(count({ ...matched, [name]: min + i * step }) - budget),
          ),
        );
      });
      expect(best, `budget ${budget}`).toContain(Math.abs(count(matched) - budget));
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

/** Layers on the same input: together they compute what they compute one by one. */
import { describe, expect, test } from "vitest";
import type { Site } from "../src/models/model.ts";
import { add } from "../src/ops/add.ts";
import { isStackable, stackOf } from "../src/tensor/stack.ts";
import { Tape } from "../src/tensor/tape.ts";
import { placeOf, storageOf, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { adapters } from "../src/train/catalog.ts";
import { frozenPass } from "../src/train/frozen.ts";
import { Lane } from "../src/train/lane.ts";
import { Trainables } from "../src/train/optimizer.ts";
import type { Way } from "../src/train/way.ts";
import { gpu } from "./gpu.ts";
import { draw, onGpu } from "./layer.ts";
import { relativeError } from "./model.ts";
import { disturb, kernels, program, settingsLike } from "./toy.ts";

const [ROWS, WIDTH] = [8, 64];
const shape = { in: WIDTH, out: WIDTH };
const row = (count: number, size: readonly number[], stream: number, scale: number): Tensor[] => {
  const n = size.reduce((a, b) => a * b);
  const { buffer } = onGpu([count, ...size], draw(count * n, stream, scale));
  return Array.from({ length: count }, (_, i) => tensor(size, { buffer, offset: 4 * n * i }));
};
const weights = row(3, [WIDTH, WIDTH], 1, 1 / 8);
const biases = row(3, [WIDTH], 2, 1);
const sites = ["q", "k", "v"].map(
  (target, i): Site => ({ path: target, tower: "image", ...shape, block: 0, target, weight: weights[i]!, bias: biases[i]! }),
);
const xs = draw(ROWS * WIDTH, 3);
const dys = [4, 5, 6].map((stream) => draw(ROWS * WIDTH, stream));

/** Results and gradients of the three layers, together or not, and the shaders that were launched. */
async function computed(lane: Lane, used: readonly Site[], way: Way | undefined, together: boolean) {
  const tape = new Tape(false);
  const pass = lane.pass(tape, true, way);
  const x = Object.assign(onGpu([ROWS, WIDTH], xs), { needsGrad: true });
  const ys = together ? pass.linears(used, x) : used.map((site) => pass.linear(site, x));
  const whole = tape.stack(ys);
  const grads = tape.backward(whole, onGpu([3, ROWS, WIDTH], Float32Array.from(dys.flatMap((dy) => [...dy]))));
  const found = [...lane.trainables.tensors.values()].flatMap((t) => {
    const grad = grads.get(t);
    return grad ? [[t, grad] as const] : [];
  });
  lane.trainables.place(tape, new Map(found));
  const dx = grads.get(x)!;
  const made = await program(tape, [whole, dx]);
  made.run();
  const named: Record<string, Float32Array> = { y: await made.read(whole), dx: await made.read(dx) };
  for (const [t] of found) named[t.label] = await made.read(lane.trainables.gradient(t));
  return { named, launches: tape.launches };
}

describe.each([...adapters])("%s", (method, def) => {
  test.each<Way | undefined>(["weight", "factors", "activations"].filter((way) => !(def.merge && way === "factors")) as Way[])(
    "%s: together as one by one",
    async (way) => {
      const settings = settingsLike(method, [shape, shape, shape], 4);
      const own = new Map(
        sites
          .flatMap(({ path, weight, bias }) => [[`${path}.weight`, weight] as const, [`${path}.bias`, bias!] as const])
          .sort(([a], [b]) => (a.split(".")[1]! < b.split(".")[1]! ? 1 : -1)),
      );
      const lane = await Lane.open(gpu, kernels, { sites, own, config: { method, settings, lr: 1 }, seed: 3, head: new Map() });
      await disturb(lane);
      const used = sites.map((site) => ({
        ...site,
        weight: lane.own.get(`${site.path}.weight`) ?? site.weight,
        bias: lane.own.get(`${site.path}.bias`) ?? site.bias!,
      }));
      const [a, b] = [await computed(lane, used, way, false), await computed(lane, used, way, true)];
      expect(Object.keys(b.named)).toEqual(Object.keys(a.named));
      for (const [name, values] of Object.entries(b.named)) expect(relativeError(values, a.named[name]!), name).toBeLessThan(2e-5);
      const products = ({ launches }: typeof a) => launches.filter(({ shader }) => shader === "matmul").length;
      if (way === "weight") expect(products(b)).toBeLessThan(products(a));
    },
  );
});

test("the frozen model: one product, nothing is copied", async () => {
  const tape = new Tape(false);
  const ys = frozenPass(tape).linears(sites, onGpu([ROWS, WIDTH], xs));
  expect(tape.launches.map(({ shader }) => shader)).toEqual(["matmul"]);
  const whole = storageOf(ys[0]!);
  expect(ys.map((y) => [storageOf(y) === whole, placeOf(y).offset])).toEqual([0, 1, 2].map((i) => [true, i * 4 * ROWS * WIDTH]));
});

test("trainables of one name are neighbours, so that nothing of a stack is copied", async () => {
  const lane = await Lane.open(gpu, kernels, {
    sites,
    config: { method: "lora", settings: { rank: 4, alpha: 8 }, lr: 1 },
    seed: 3,
    head: new Map(),
  });
  const tape = new Tape(false);
  lane.pass(tape, true, "weight").linears(sites, onGpu([ROWS, WIDTH], xs));
  const places = ["q.b", "k.b", "v.b"].map((name) => lane.tensor(name).offset);
  expect(places.map((offset) => offset - places[0]!)).toEqual([0, 1, 2].map((i) => i * 4 * 4 * WIDTH));
  // ΔW of all three, and their product.
  expect(tape.launches.map(({ shader }) => shader)).toEqual(["matmul", "matmul"]);
});

test("the gradient of one of two parts alone is copied to its place, and the other's place is left alone", async () => {
  const size = { shape: [64], data: draw(64, 1) };
  const trainables = new Trainables(
    gpu,
    new Map([
      ["a", size],
      ["b", size],
    ]),
  );
  const [a, b] = [...trainables.tensors.values()] as [Tensor, Tensor];
  const tape = new Tape(false);
  const [dy, other] = [draw(128, 2), draw(64, 3)];
  const whole = tape.apply(add, { a: onGpu([2, 64], dy), b: onGpu([2, 64], dy) }, { factor: 1 });
  const [first] = tape.parts(whole);
  trainables.place(tape, new Map([[a, first!]]));
  const kept = trainables.gradient(b);
  gpu.device.queue.writeBuffer(kept.buffer!, kept.offset, other);
  const made = await program(tape, []);
  made.run();
  expect([...(await made.read(trainables.gradient(a)))]).toEqual([...dy.subarray(0, 64)].map((v) => 2 * v));
  expect([...(await made.read(kept))]).toEqual([...other]);
});

test("what lies elsewhere is copied, and what cannot be bound is refused", async () => {
  const [a, b] = [draw(64, 1), draw(64, 2)];
  const tape = new Tape(false);
  const whole = tape.stack([onGpu([64], a), onGpu([64], b)]);
  const made = await program(tape, [whole]);
  made.run();
  expect([...(await made.read(whole))]).toEqual([...a, ...b]);
  expect(isStackable(tensor([63]))).toBe(false);
  expect(() => stackOf(tape, [tensor([63]), tensor([63])])).toThrow("256");
});

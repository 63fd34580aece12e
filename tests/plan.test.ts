/** Where a recorded step's tensors lie, its replay, and what a wrong launch is told. */
import { describe, expect, test } from "vitest";
import { checked } from "../src/gpu/device.ts";
import { packAll } from "../src/gpu/kernel.ts";
import { storage } from "../src/gpu/memory.ts";
import { packParams, setKnobs, shader } from "../src/gpu/shader.ts";
import { gelu } from "../src/ops/gelu.ts";
import { matmul } from "../src/ops/matmul.ts";
import type { Launch } from "../src/ops/op.ts";
import { Arena, layOut } from "../src/tensor/plan.ts";
import { uniform } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { byteLength, numel, owner, reshape, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { gpu } from "./gpu.ts";
import { draw, onGpu } from "./layer.ts";
import { kernels, program } from "./toy.ts";

describe("places in the arena", () => {
  /** Launches of random sizes that read what was written some time before, and weights with a home of their own. */
  function launches(seed: number): { launches: Launch[]; tensors: Tensor[] } {
    let draws = 0;
    const below = (n: number) => Math.floor(n * uniform(seed, 1, draws++));
    const size = () => [1, 3, 40, 64, 65, 1000][below(6)]!;
    const home = Object.assign(tensor([8]), { buffer: weightBuffer });
    const tensors: Tensor[] = [home];
    const made = Array.from({ length: 3 + below(40) }, (): Launch => {
      const pick = (): Tensor => {
        const t = tensors[below(tensors.length)]!;
        return below(4) ? t : reshape(t, [numel(t.shape), 1]);
      };
      // Now and then a launch writes again what is alive already: accumulation.
      const again = below(6) === 0 ? tensors[below(tensors.length)] : undefined;
      const [a, b] = [pick(), pick()];
      const y = again && again !== owner(a) && again !== owner(b) ? again : tensor([size()]);
      if (!tensors.includes(y)) tensors.push(y);
      return { shader: "elementwise", entry: "add", buffers: { a, b, y }, params: { n: 1, factor: 1 }, groups: [1] };
    });
    return { launches: made, tensors };
  }
  const weightBuffer = storage(gpu, 64, "weight");

  test("no tensor is overwritten before it was last read: 300 random tapes", () => {
    let shared = 0;
    for (let seed = 0; seed < 300; seed++) {
      const { launches: made, tensors } = launches(seed);
      const { sizes, places } = layOut(made);
      const holds = new Map<number, Tensor>();
      for (const { buffers } of made) {
        const [a, b, y] = ["a", "b", "y"].map((name) => owner(buffers[name]!)) as [Tensor, Tensor, Tensor];
        for (const t of [a, b]) {
          const slab = places.get(t);
          if (t.buffer) expect(slab).toBeUndefined();
          else expect(holds.get(slab!), `seed ${seed}`).toBe(t);
          if (!t.buffer) expect(slab, "a slab is read and written at once").not.toBe(places.get(y));
        }
        if (!y.buffer) holds.set(places.get(y)!, y);
      }
      for (const [t, slab] of places) expect(sizes[slab]).toBeGreaterThanOrEqual(byteLength(t));
      expect(sizes.toSorted((a, b) => b - a)).toEqual(sizes);
      shared += tensors.length - 1 - sizes.length;
    }
    expect(shared).toBeGreaterThan(300); // and memory is shared: a slab for each tensor would pass everything above
  });

  test("a chain needs two slabs, however long it is", () => {
    const tape = new Tape(true);
    let x: Tensor = onGpu([100], draw(100, 1));
    for (let i = 0; i < 20; i++) x = tape.apply(gelu, { x }, { kind: "quick" });
    expect(layOut(tape.launches).sizes).toEqual([400, 400]);
  });

  test("reading what nothing has written throws", async () => {
    const tape = new Tape(true);
    tape.apply(gelu, { x: tensor([4]) }, { kind: "quick" });
    const message = /gelu\.forward reads "x", which no launch has written/;
    expect(() => layOut(tape.launches)).toThrow(message);
    await expect(new Arena(gpu, kernels).plan([tape])).rejects.toThrow(message);
  });
});

describe("a plan", () => {
  test("gives the same bits every time, alone and among others", async () => {
    const w = onGpu([40, 24], draw(960, 2));
    const record = (x: Tensor) => {
      const tape = new Tape(false);
      const hidden = tape.apply(gelu, { x: tape.apply(matmul, { a: x, b: w }, {}) }, { kind: "exact" });
      const y = tape.apply(matmul, { a: hidden, b: w }, { transB: true });
      return { tape, y: Object.assign(y, { buffer: storage(gpu, byteLength(y), "y") }) };
    };
    const made = [1, 2].map((s) => record(onGpu([12, 40], draw(480, s))));
    const arena = new Arena(gpu, kernels);
    let progress = 0;
    const plans = await arena.plan(
      made.map(({ tape }) => tape),
      (done, all) => (progress = done / all),
    );
    expect(progress).toBe(1);
    expect(plans.map(({ length }) => length)).toEqual(made.map(({ tape }) => tape.launches.length));
    expect(arena.bytes).toBe(2 * 12 * 24 * 4); // both plans in the same two slabs
    const { read } = await program(new Tape(true), []);
    const outputs = [];
    for (const order of [[0], [0], [1, 0, 1], [0, 0, 1]]) {
      const encoder = gpu.device.createCommandEncoder();
      for (const i of order) plans[i]!.encode(encoder);
      gpu.device.queue.submit([encoder.finish()]);
      outputs.push([...(await read(made[0]!.y))]);
    }
    expect(new Set(outputs[0]).size).toBeGreaterThan(400);
    for (const output of outputs) expect(output).toEqual(outputs[0]);
    arena.destroy();
    expect(arena.bytes).toBe(0);
  });
});

describe("a wrong launch says what is wrong", () => {
  const params = { n: 4, factor: 1 };
  const x = onGpu([4], draw(4, 1));
  const launch: Launch = { shader: "elementwise", entry: "scale", buffers: { a: x }, params, groups: [1] };
  const slice = { buffer: x.buffer!, offset: 0, size: 16 };

  test("a buffer, a parameter, a knob, an entry point or a file that there is not", async () => {
    const pipeline = await kernels.pipeline(launch);
    expect(() => kernels.bind(pipeline, launch, { z: slice }, undefined)).toThrow('elementwise.wgsl has no buffer "z"');
    expect(() => packParams(shader("elementwise"), { n: 4 })).toThrow("elementwise.wgsl: Params are {n, factor}, got {n}");
    expect(() => packParams(shader("elementwise"), { ...params, m: 1 })).toThrow("got {n, factor, m}");
    expect(() => packParams(shader("elementwise"), { n: 4, m: 1 })).toThrow("got {n, m}");
    expect(() => setKnobs(shader("elementwise"), { TILE: 1 })).toThrow('elementwise.wgsl has no knob "TILE"');
    expect(() => shader("nothing")).toThrow("There is no shaders/nothing.wgsl");
    await expect(kernels.pipeline({ shader: "elementwise", entry: "subtract" })).rejects.toThrow(
      'elementwise.wgsl has no entry point "subtract"',
    );
    await expect(kernels.pipeline({ ...launch, overrides: { SIZE: 1 } })).rejects.toThrow(/elementwise.wgsl, scale, does not compile/);
    await expect(kernels.pipeline({ ...launch, knobs: { TILE: 1 } })).rejects.toThrow("no knob");
  });

  test("a buffer that is left out", async () => {
    const tape = new Tape(true);
    tape.run(launch);
    await expect(new Arena(gpu, kernels).plan([tape])).rejects.toThrow(/^Setting up the step: /);
    const binding = checked(gpu, "Binding", async () => {
      const [uniforms] = packAll(gpu, [{ source: shader("elementwise"), params }]);
      kernels.bind(await kernels.pipeline(launch), launch, { a: slice }, uniforms);
    });
    await expect(binding).rejects.toThrow(/^Binding: .*elementwise scale/s);
  });

  test("one pipeline for equal programs, another for other constants", async () => {
    const { count } = kernels;
    const [a, b] = [
      await kernels.pipeline({ ...launch, overrides: { WG: 32 } }),
      await kernels.pipeline({ ...launch, overrides: { WG: 32 } }),
    ];
    expect(b).toBe(a);
    expect(await kernels.pipeline({ ...launch, overrides: { WG: 16 } })).not.toBe(a);
    expect(kernels.count).toBe(count + 2);
  });

  test("shapes that do not fit", () => {
    const tape = new Tape(true);
    expect(() => tape.apply(matmul, { a: tensor([2, 3]), b: tensor([2, 3]) }, {})).toThrow("matmul: (2, 3) does not fit (2, 3)");
    expect(() => tape.apply(matmul, { a: tensor([2, 3]), b: tensor([3, 2]), add: tensor([5]) }, {})).toThrow("add is (5)");
    expect(() => reshape(tensor([2, 3]), [4])).toThrow("reshape: (2,3) has 6 elements, (4) 4");
  });
});

/** The tiles and slices that kernels choose for large sizes, on sizes that a software adapter can do. */
import { describe, expect, test } from "vitest";
import { attention } from "../src/ops/attention.ts";
import { type Matmul, matmul } from "../src/ops/matmul.ts";
import type { Launch, Recorder } from "../src/ops/op.ts";
import { randlora } from "../src/ops/randlora.ts";
import { pack } from "../src/tensor/half.ts";
import type { Variant } from "../src/tensor/op.ts";
import { type ElementType, numel, type PackedType, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { type Cut, tileOf } from "../src/tensor/tiles.ts";
import { close, given, Immediate, noise, read, unpacked } from "./launch.ts";
import { product, transpose } from "./layer.ts";

/** Runs every launch as `change` makes it. */
class Changed extends Immediate {
  readonly #change: (launch: Launch) => Launch;
  changed = 0;
  constructor(change: (launch: Launch) => Launch) {
    super(false);
    this.#change = change;
  }
  override run(launch: Launch): void {
    const other = this.#change(launch);
    this.changed += Number(other !== launch);
    super.run(other);
  }
}

/** Takes one variant for all problems. */
class Picking extends Immediate {
  readonly #variant: Variant;
  constructor(variant: Variant) {
    super(false);
    this.#variant = variant;
  }
  override pick<V extends Variant>(): V {
    return this.#variant as V;
  }
}

// The layouts of a linear layer and of its weight's gradient: every way of loading a tile once. A software adapter compiles these for long.
test.each<[boolean, boolean, ElementType]>([
  [false, true, "f32"],
  [true, false, "f32"],
  [false, true, "f16"],
])("matmul in tiles of 128 × 128, a transposed: %s, b transposed: %s and stored as %s", async (transA, transB, type) => {
  const [m, n, k] = [132, 140, 36];
  const [a, drawn, bias, add] = [noise(m * k, 1), noise(k * n, 2), noise(n, 3), noise(m * n, 4)];
  const words = pack(drawn, "f16");
  const b = type === "f16" ? unpacked(words, type, k * n) : drawn;
  const r = new Changed((launch) => {
    if (launch.shader !== "matmul") return launch;
    return { ...launch, groups: [2, 2, 1], knobs: { TILE_M: 128, TILE_N: 128, TILE_K: 8, ROWS: 8, COLS: 8, SPLIT: 1, STAGES: 2 } };
  });
  const inputs = {
    a: given(transA ? [k, m] : [m, k], a),
    b: given(transB ? [n, k] : [k, n], type === "f16" ? words : b, type),
    bias: given([n], bias),
    add: given([m, n], add),
  };
  const { y } = matmul.forward(r, inputs, { transA, transB, alpha: 0.5 });
  await r.flush();
  expect(r.changed).toBe(1);
  const plain = product(transA ? transpose(a, k, m) : a, transB ? transpose(b, n, k) : b, m, k, n);
  const want = plain.map((v, i) => 0.5 * v + bias[i % n]! + add[i]!);
  close(await read(y), want, 2e-5, "y");
});

// Every number of parts that an invocation's sums are gathered from, with all that a product does besides.
test.each<[string, Matmul, PackedType | "f32"]>([
  ["64x64x16/8x8/2/1", { transB: true }, "f16"],
  ["32x64x32/8x8/4/1", {}, "bf16"],
  ["16x16x64/4x4/4/1", { transA: true }, "f32"],
])("matmul in tiles of %s and slices: alpha, bias and add, %j, b stored as %s", async (name, { transA = false, transB = false }, type) => {
  const [m, n, k] = [68, 76, 300];
  const [a, drawn, bias, add] = [noise(m * k, 1), noise(k * n, 2), noise(n, 3), noise(m * n, 4)];
  const words = type === "f32" ? drawn : pack(drawn, type);
  const b = type === "f32" ? drawn : unpacked(pack(drawn, type), type, k * n);
  const plain = product(transA ? transpose(a, k, m) : a, transB ? transpose(b, n, k) : b, m, k, n);
  const want = plain.map((v, i) => 0.5 * v + bias[i % n]! + add[i]!);
  const [TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT, STAGES] = name.split(/[x/]/).map(Number);
  const knobs = { TILE_M: TILE_M!, TILE_N: TILE_N!, TILE_K: TILE_K!, ROWS: ROWS!, COLS: COLS!, SPLIT: SPLIT!, STAGES: STAGES! };
  for (const slices of [1, 2]) {
    const r = new Picking({ name, ...{ tile: knobs, slices } });
    const { y } = matmul.forward(
      r,
      {
        a: given(transA ? [k, m] : [m, k], a),
        b: given(transB ? [n, k] : [k, n], words, type),
        bias: given([n], bias),
        add: given([m, n], add),
      },
      { transA, transB, alpha: 0.5 },
    );
    expect(r.launches[0]).toMatchObject({ shader: "matmul", knobs, params: { slices } });
    await r.flush();
    close(await read(y), want, 5e-5, `y of ${slices} slices`);
  }
});

// Tiles of each number of parts, and such as are not square; a software adapter computes row by row.
test.each(["64x64x16/8x8/2/1", "40x64x16/8x8/4/1", "68x80x16/4x8/1/1", "72x72x16/8x4/1/1"])("attention in tiles of %s", async (name) => {
  const [batch, heads, tokens, head] = [1, 2, 41, 12];
  const shape = [batch * tokens, heads * head];
  const [q, k, v, dy] = [1, 2, 3, 4].map((seed) => given(shape, noise(numel(shape), seed))) as [Tensor, Tensor, Tensor, Tensor];
  const compute = async (r: Immediate) => {
    const { y, saved = {} } = attention.forward(r, { q, k, v }, { batch, heads });
    const grads = attention.backward!(r, { q, k, v }, saved, dy, { q: true, k: true, v: true }, { batch, heads }, {});
    await r.flush();
    return { y: await read(y), q: await read(grads.q!), k: await read(grads.k!), v: await read(grads.v!) };
  };
  const [TILE_M, TILE_N, TILE_K, ROWS, COLS, SPLIT, STAGES] = name.split(/[x/]/).map(Number);
  const tile = { name, TILE_M: TILE_M!, TILE_N: TILE_N!, TILE_K: TILE_K!, ROWS: ROWS!, COLS: COLS!, SPLIT: SPLIT!, STAGES: STAGES! };
  const [got, want] = [await compute(new Picking(tile)), await compute(new Immediate(true))];
  for (const what of ["y", "q", "k", "v"] as const) close(got[what], want[what], 2e-5, what);
});

test.each([false, true])("matmul in slices of k that are summed onto a prior, a transposed: %s", async (transA) => {
  const [m, n, k] = [36, 20, 600];
  const [a, b, add] = [noise(m * k, 1), noise(k * n, 2), noise(m * n, 4)];
  const r = new Immediate(false);
  const { y } = matmul.forward(
    r,
    { a: given(transA ? [k, m] : [m, k], a), b: given([k, n], b), add: given([m, n], add) },
    { transA, alpha: 2 },
  );
  expect(r.launches.map(({ entry }) => entry)).toEqual(["tiled", "sum"]);
  await r.flush();
  const plain = product(transA ? transpose(a, k, m) : a, b, m, k, n);
  close(
    await read(y),
    plain.map((v, i) => 2 * v + add[i]!),
    5e-5,
    "y",
  );
});

// A batch of 64 images of 65 tokens, and its gradients: each line gives (m, n, k), how a and b lie, and the fewest workgroups.
test.each<[string, number, number, number, Matmul, number]>([
  ["one column", 4160, 1, 192, { transB: true }, 64],
  ["one column, deep", 4160, 1, 768, {}, 128],
  ["three columns", 4160, 3, 192, { transB: true }, 64],
  ["six columns", 4160, 6, 192, { transB: true }, 128],
  ["gradient of one column", 768, 1, 4160, { transA: true }, 128],
  ["gradient of one row", 1, 192, 4160, { transA: true }, 64],
  ["gradient of seven rows", 7, 192, 4160, { transA: true }, 128],
  ["gradient of a corner", 3, 5, 12_000, { transA: true }, 64],
  ["one deep", 4160, 768, 1, { transB: true }, 256],
  ["odd", 3203, 771, 769, {}, 256],
  ["odd classes", 64, 37, 192, { transB: true }, 1],
])("matmul on a GPU has tiles and workgroups for %s", (_name, m, n, k, cfg, fewest) => {
  const r = new Immediate(false);
  const a = tensor(cfg.transA ? [k, m] : [m, k], {});
  const b = tensor(cfg.transB ? [n, k] : [k, n], {});
  matmul.forward(r, { a, b }, cfg);
  const [product, sum, ...others] = r.launches;
  expect(product).toMatchObject({ shader: "matmul_any", entry: "tiled" });
  const [across = 1, down = 1, slices = 1] = product!.groups;
  const { TILE_M, TILE_N, ROWS, COLS } = product!.knobs as Record<string, number>;
  expect([across * TILE_N! >= n, down * TILE_M! >= m]).toEqual([true, true]);
  expect(across * down * slices).toBeGreaterThanOrEqual(fewest);
  expect((TILE_M! / ROWS!) * (TILE_N! / COLS!)).toBe(256);
  expect(sum?.shader).toBe(slices > 1 ? "matmul_sum" : undefined);
  expect(others).toEqual([]);
});

// A layer of several workgroups in both directions and its bases, none of whose sizes a tile divides.
const layer = (out: number, inner: number, rank: number) => {
  const [small, large, bases] = [Math.min(out, inner), Math.max(out, inner), Math.ceil(Math.min(out, inner) / rank)];
  const shapes = { w: [out, inner], basisB: [large, rank * bases], basisA: [rank, small], lambda: [rank, bases], gamma: [bases, small] };
  return Object.fromEntries(Object.entries(shapes).map(([name, shape], s) => [name, given(shape, noise(numel(shape), s))])) as Record<
    keyof typeof shapes,
    ReturnType<typeof given>
  >;
};

// The tiles of large layers, and kinds of them that no layer is offered: one whose rows of 12 invocations do not fit the vectors of a
// software adapter, which so shows a missing barrier, and one that its invocations load in unequal parts.
describe.each([
  ["wide", 52, 100],
  ["tall", 100, 52],
])("randlora's product, %s", (_name, out, inner) => {
  const x = layer(out, inner, 3);
  const dy = given([out, inner], noise(out * inner, 9));
  const compute = async (r: Immediate) => {
    const { y } = randlora.forward(r, x, { gain: 0.3 });
    const grads = randlora.backward?.(r, x, {}, dy, { lambda: true, gamma: true }, { gain: 0.3 }, {});
    await r.flush();
    return { y: await read(y), lambda: await read(grads!.lambda!), gamma: await read(grads!.gamma!) };
  };
  const want = compute(new Immediate(true));

  test.each([
    ["64x128x8/8x8/1/2", 2],
    ["64x96x8/8x8/2/2", 3],
    ["48x96x16/4x12/4/2", 2],
    ["48x48x12/4x4/1/1", 4],
    ["32x48x16/4x4/4/2", 1],
  ])("in tiles of %s and %i slices is what software adapters compute", async (name, slices) => {
    const got = await compute(new Picking({ name, tile: tileOf(name), slices } as Cut));
    for (const what of ["y", "lambda", "gamma"] as const) close(got[what], (await want)[what], 2e-5, what);
  });
});

test.each([
  [768, 768],
  [3072, 768],
  [768, 3072],
  [192, 192],
  [768, 192],
  [1024, 4096],
])("randlora's gradients for a (%i, %i) layer need no more memory than the layer, in any variant", (out, inner) => {
  for (const rank of [1, 2, 3, 4, 5, 6, 8, 10]) {
    const bases = Math.ceil(Math.min(out, inner) / rank);
    const [small, large] = [Math.min(out, inner), Math.max(out, inner)];
    const x = {
      w: tensor([out, inner], {}),
      basisB: tensor([large, rank * bases], {}),
      basisA: tensor([rank, small], {}),
      lambda: tensor([rank, bases], {}),
      gamma: tensor([bases, small], {}),
    };
    const written: number[] = [];
    let variants = 1;
    for (let variant = 0; variant < variants; variant++) {
      const r: Recorder = {
        software: false,
        out(shape) {
          written.push(numel(shape));
          return tensor(shape, {});
        },
        run: () => undefined,
        pick(_problem, offered) {
          variants = offered.length;
          return offered[variant] as (typeof offered)[number];
        },
      };
      randlora.backward?.(r, x, {}, tensor([out, inner], {}), { lambda: true, gamma: true }, { gain: 1 }, {});
      const scratch = written.splice(0).reduce((sum, n) => sum + n, 0) - numel(x.lambda.shape) - numel(x.gamma.shape);
      expect(scratch, `r = ${rank}, variant ${variant}`).toBeLessThanOrEqual(large * small);
    }
    expect(variants).toBeGreaterThan(1);
  }
});

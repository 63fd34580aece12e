/** The tiles and slices that kernels choose for large sizes, on sizes that a software adapter can do. */
import { expect, test } from "vitest";
import { type Matmul, matmul } from "../src/ops/matmul.ts";
import type { Launch } from "../src/ops/op.ts";
import { randlora } from "../src/ops/randlora.ts";
import { pack } from "../src/tensor/half.ts";
import { type ElementType, numel, tensor } from "../src/tensor/tensor.ts";
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
    return { ...launch, groups: [2, 2, 1], knobs: { TILE_M: 128, TILE_N: 128, TILE_K: 8, ROWS: 8, COLS: 8 } };
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

// The first is for no GPU: its rows of 12 invocations do not fit the vectors of a software adapter, which so shows a missing barrier.
const TILES = [
  { TILE_M: 48, TILE_N: 48, DEPTH: 12, ROWS: 4, COLS: 4 },
  { TILE_M: 128, TILE_N: 64, DEPTH: 16, ROWS: 8, COLS: 4 },
];

test.each([
  ["wide", 28, 40],
  ["tall", 40, 28],
])("randlora in tiles of 48 and more gives what it gives in tiles of 32, %s", async (_name, out, inner) => {
  const [small, large, rank] = [Math.min(out, inner), Math.max(out, inner), 1];
  const shapes = { w: [out, inner], basisB: [large, rank * small], basisA: [rank, small], lambda: [rank, small], gamma: [small, small] };
  const x = Object.fromEntries(Object.entries(shapes).map(([name, shape], s) => [name, given(shape, noise(numel(shape), s))])) as Record<
    keyof typeof shapes,
    ReturnType<typeof given>
  >;
  const dy = given([out, inner], noise(out * inner, 9));
  const compute = async (knobs?: (typeof TILES)[number]) => {
    // There is one workgroup along `small` either way, and along `large` one or two.
    const r = new Changed((launch) => {
      if (!knobs || !launch.shader.startsWith("randlora")) return launch;
      return { ...launch, knobs, groups: [1, Math.ceil((launch.entry === "merge" ? large : small) / knobs.TILE_M)] };
    });
    const { y } = randlora.forward(r, x, { gain: 0.3 });
    const grads = randlora.backward?.(r, x, {}, dy, { lambda: true, gamma: true }, { gain: 0.3 }, {});
    expect(r.launches[0]?.knobs).toMatchObject(knobs ?? { TILE_M: 32, TILE_N: 32 });
    await r.flush();
    expect(r.changed).toBe(knobs ? 2 : 0);
    return { y: await read(y), lambda: await read(grads!.lambda!), gamma: await read(grads!.gamma!) };
  };
  const want = await compute();
  for (const tile of TILES) {
    const got = await compute(tile);
    for (const name of ["y", "lambda", "gamma"] as const) close(got[name], want[name], 2e-5, `${name} in ${JSON.stringify(tile)}`);
  }
});

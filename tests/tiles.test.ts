/** The tiles and slices that kernels choose for large sizes, on sizes that a software adapter can do. */
import { expect, test } from "vitest";
import { matmul } from "../src/ops/matmul.ts";
import type { Launch } from "../src/ops/op.ts";
import { randlora } from "../src/ops/randlora.ts";
import { numel } from "../src/tensor/tensor.ts";
import { close, given, Immediate, noise, read } from "./launch.ts";
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
test.each([
  [false, true],
  [true, false],
])("matmul in tiles of 128 × 128, a transposed: %s, b transposed: %s", async (transA, transB) => {
  const [m, n, k] = [132, 140, 36];
  const [a, b, bias, add] = [noise(m * k, 1), noise(k * n, 2), noise(n, 3), noise(m * n, 4)];
  const r = new Changed((launch) => {
    if (launch.shader !== "matmul") return launch;
    return { ...launch, groups: [2, 2, 1], knobs: { TILE_M: 128, TILE_N: 128, TILE_K: 8, ROWS: 8, COLS: 8 } };
  });
  const inputs = {
    a: given(transA ? [k, m] : [m, k], a),
    b: given(transB ? [n, k] : [k, n], b),
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
  expect(r.launches.map(({ entry }) => entry)).toEqual(["tiled", "slices"]);
  await r.flush();
  const plain = product(transA ? transpose(a, k, m) : a, b, m, k, n);
  close(
    await read(y),
    plain.map((v, i) => 2 * v + add[i]!),
    5e-5,
    "y",
  );
});

test.each([
  ["wide", 31, 40],
  ["tall", 40, 30],
])("randlora in tiles of 48 and 64 gives what it gives in tiles of 32, %s", async (_name, out, inner) => {
  const [small, large, rank] = [Math.min(out, inner), Math.max(out, inner), 1];
  const shapes = { w: [out, inner], basisB: [large, rank * small], basisA: [rank, small], lambda: [rank, small], gamma: [small, small] };
  const x = Object.fromEntries(Object.entries(shapes).map(([name, shape], s) => [name, given(shape, noise(numel(shape), s))])) as Record<
    keyof typeof shapes,
    ReturnType<typeof given>
  >;
  const dy = given([out, inner], noise(out * inner, 9));
  const compute = async (tile: number) => {
    // Up to 32 bases and columns there is one workgroup along `small` either way, and along `large` one or two.
    const tiles = (n: number | undefined) => Math.ceil(((n ?? 1) * 32) / tile);
    const r = new Changed((launch) =>
      launch.shader === "randlora"
        ? { ...launch, knobs: { TILE: tile, DEPTH: tile === 48 ? 18 : 16 }, groups: [tiles(launch.groups[0]), tiles(launch.groups[1])] }
        : launch,
    );
    const { y } = randlora.forward(r, x, { gain: 0.3 });
    const grads = randlora.backward?.(r, x, {}, dy, { lambda: true, gamma: true }, { gain: 0.3 }, {});
    await r.flush();
    expect(r.changed).toBe(2);
    return { y: await read(y), lambda: await read(grads!.lambda!), gamma: await read(grads!.gamma!) };
  };
  const want = await compute(32);
  // 48 × 18 is for no GPU: its rows of 12 invocations do not fit the vectors of a software adapter, which so shows a missing barrier.
  for (const tile of [48, 64]) {
    const got = await compute(tile);
    for (const name of ["y", "lambda", "gamma"] as const) close(got[name], want[name], 2e-5, `${name} in tiles of ${tile}`);
  }
});

/** What ops leave beside y, and the inputs that the generic suite's noise never draws: ties, NaN in padding, rows of zeros. */
import { describe, expect, test } from "vitest";
import { crossentropy } from "../src/ops/crossentropy.ts";
import { l2norm } from "../src/ops/l2norm.ts";
import { layernorm } from "../src/ops/layernorm.ts";
import type { Tensor } from "../src/tensor/tensor.ts";
import { close, given, Immediate, noise, read } from "./launch.ts";

describe.each([
  ["for a CPU adapter", true],
  ["for a GPU", false],
])("%s", (_which, software) => {
  test("cross entropy: loss, hits and log-sum-exp of each row; padding is zero whatever it holds", async () => {
    const [b, c, valid, smoothing] = [6, 70, 4, 0.1];
    const logits = noise(b * c, 3);
    const labels = [60, 5, 69, 0, 1, 2];
    logits[60] = 9; // the largest, in a lane that meets lane 0 after several rounds
    logits[c + 5] = logits[c + 69] = 9; // a tie that the label wins
    logits[2 * c + 13] = logits[2 * c + 69] = 9; // a tie that it loses
    logits.fill(2, 3 * c, 4 * c); // all equal, label 0
    logits.fill(Number.NaN, valid * c); // padding
    const r = new Immediate(software);
    const x = { logits: given([b, c], logits), labels: given([b], labels, "u32"), count: given([1], [valid], "u32") };
    const { y, saved = {} } = crossentropy.forward(r, x, { smoothing });
    const { logits: dlogits } = crossentropy.backward?.(r, x, saved, given([1], [1]), { logits: true }, { smoothing }, {}) ?? {};
    await r.flush();

    const sum = (z: Float32Array, f: (v: number) => number) => z.reduce((total, v) => total + f(v), 0);
    const rows = Array.from({ length: valid }, (_, i) => logits.subarray(i * c, (i + 1) * c));
    const lse = rows.map((z) => Math.log(sum(z, Math.exp)));
    const losses = rows.map((z, i) => lse[i]! - (1 - smoothing) * z[labels[i]!]! - (smoothing / c) * sum(z, (v) => v));
    const hits = [1, 1, 0, 1];
    close(await read(saved.lse as Tensor), [...lse, 0, 0], 1e-5, "lse");
    close(await read(saved.rows as Tensor), [...losses.flatMap((loss, i) => [loss, hits[i]!]), 0, 0, 0, 0], 1e-5, "rows");
    close(await read(y), [losses.reduce((a, v) => a + v, 0) / valid], 1e-5, "y");
    const got = await read(dlogits as Tensor);
    expect(got.every(Number.isFinite)).toBe(true);
    expect(got.subarray(valid * c).every((v) => v === 0)).toBe(true);
  });

  test("cross entropy: a NaN in a valid row reaches the loss", async () => {
    const r = new Immediate(software);
    const x = { logits: given([2, 3], [1, Number.NaN, 2, 0, 0, 0]), labels: given([2], [0, 1], "u32"), count: given([1], [2], "u32") };
    const { y } = crossentropy.forward(r, x, { smoothing: 0 });
    await r.flush();
    expect((await read(y))[0]).toBeNaN();
  });

  test("l2norm: a row of zeros stays zero, and so does its gradient", async () => {
    const values = noise(15, 1).fill(0, 5, 10);
    const r = new Immediate(software);
    const x = given([3, 5], values);
    const { y, saved = {} } = l2norm.forward(r, { x }, {});
    const { x: dx } = l2norm.backward?.(r, { x }, saved, given([3, 5], noise(15, 2)), { x: true }, {}, {}) ?? {};
    await r.flush();
    for (const out of [y, dx as Tensor]) {
      const got = await read(out);
      expect(got.every(Number.isFinite)).toBe(true);
      expect([...got.subarray(5, 10)].map(Math.abs)).toEqual([0, 0, 0, 0, 0]);
    }
  });

  test("layernorm: only what is needed is launched", () => {
    const r = new Immediate(software);
    const x = { x: given([3, 5], noise(15, 1)), gamma: given([5], noise(5, 2)), beta: given([5], noise(5, 3)) };
    const { saved = {} } = layernorm.forward(r, x, { eps: 1e-6 });
    for (const [need, launches] of [
      [{}, 0],
      [{ x: true }, 1],
      [{ beta: true }, 2],
      [{ gamma: true, beta: true }, 3],
    ] as const) {
      r.launches.length = 0;
      const grads = layernorm.backward?.(r, x, saved, x.x, need, { eps: 1e-6 }, {}) ?? {};
      expect(Object.keys(grads).sort()).toEqual(Object.keys(need).sort());
      expect(r.launches).toHaveLength(launches);
    }
  });
});

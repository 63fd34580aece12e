import { afterEach, describe, expect, test, vi } from "vitest";
import { accuracyInterval, comparePaired, describeComparison } from "../src/analysis/compare.ts";
import { rankOf } from "../src/analysis/rank.ts";
import { openRanker } from "../src/analysis/ranker.ts";
import { normal } from "../src/tensor/random.ts";

/** (rows, cols) product of two random matrices with `rank` inner columns: rank `rank` up to float32 rounding. */
function product(rows: number, cols: number, rank: number): Float32Array<ArrayBuffer> {
  const up = Float64Array.from({ length: rows * rank }, (_, i) => normal(1, 1, i));
  const down = Float64Array.from({ length: rank * cols }, (_, i) => normal(1, 2, i));
  const delta = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += up[i * rank + k]! * down[k * cols + j]!;
      delta[i * cols + j] = 1e-3 * sum;
    }
  }
  return delta;
}

describe("rank", () => {
  test("a diagonal matrix has its diagonal as singular values", () => {
    const metrics = rankOf(Float32Array.of(0, -3, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0.03), 3, 4);
    expect([...metrics.singularValues]).toEqual([4, 3, 0.03].map((s) => expect.closeTo(s, 6) as number));
    const shares = [4, 3, 0.03].map((s) => s / 7.03);
    expect(metrics.effectiveRank).toBeCloseTo(Math.exp(-shares.reduce((sum, p) => sum + p * Math.log(p), 0)), 6);
    expect(metrics.stableRank).toBeCloseTo((16 + 9 + 0.03 ** 2) / 16, 6);
    expect(metrics.above1Percent).toBe(2);
  });

  test("n equal singular values give rank n by every measure", () => {
    const identity = Float32Array.from({ length: 49 }, (_, i) => (i % 8 === 0 ? 2 : 0));
    const metrics = rankOf(identity, 7, 7);
    expect(metrics.effectiveRank).toBeCloseTo(7, 6);
    expect(metrics.stableRank).toBeCloseTo(7, 6);
    expect(metrics.above1Percent).toBe(7);
  });

  test.each([
    [192, 192],
    [768, 192],
    [192, 768],
  ])("the noise of an exactly rank-16 matrix (%i, %i) lies below 1e-6 of σ₁", (rows, cols) => {
    const { singularValues, above1Percent, effectiveRank } = rankOf(product(rows, cols, 16), rows, cols);
    expect(singularValues.length).toBe(192);
    expect(singularValues[15]! / singularValues[0]!).toBeGreaterThan(0.1);
    expect(singularValues[16]! / singularValues[0]!).toBeLessThan(1e-6);
    expect(above1Percent).toBe(16);
    expect(effectiveRank).toBeGreaterThan(14);
    expect(effectiveRank).toBeLessThan(16.01);
    expect(singularValues.every((s, i) => i === 0 || s <= singularValues[i - 1]!)).toBe(true);
  });

  test("tall, wide and square forms agree: the squares add up to the Frobenius norm", () => {
    for (const [rows, cols] of [
      [10, 4],
      [4, 10],
      [5, 4],
      [1, 6],
      [6, 1],
      [1, 1],
    ] as const) {
      const delta = product(rows, cols, 3);
      const { singularValues } = rankOf(delta, rows, cols);
      expect(singularValues.length).toBe(Math.min(rows, cols));
      expect(Math.hypot(...singularValues)).toBeCloseTo(Math.hypot(...delta), 9);
    }
  });

  test("tiny numbers keep their rank", () => {
    const metrics = rankOf(Float32Array.of(1e-40, 0, 0, 1e-40), 2, 2);
    expect(metrics.effectiveRank).toBeCloseTo(2, 6);
    expect(metrics.above1Percent).toBe(2);
  });

  test("zero and non-finite updates do not hang", () => {
    const zero = rankOf(new Float32Array(12), 3, 4);
    expect(zero).toEqual({ singularValues: new Float32Array(3), effectiveRank: Number.NaN, stableRank: Number.NaN, above1Percent: 0 });
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      const metrics = rankOf(Float32Array.of(1, 2, bad, 4, 5, 6), 2, 3);
      expect(metrics).toEqual({
        singularValues: new Float32Array(2).fill(Number.NaN),
        effectiveRank: Number.NaN,
        stableRank: Number.NaN,
        above1Percent: 0,
      });
    }
    expect(() => rankOf(new Float32Array(5), 2, 3)).toThrow("(2, 3)");
  });
});

describe("ranker", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("works in place where there are no workers", async () => {
    const ranker = openRanker();
    expect((await ranker.rank(Float32Array.of(1, 0, 0, 1), 2, 2)).stableRank).toBeCloseTo(2, 6);
    await expect(ranker.rank(new Float32Array(3), 2, 2)).rejects.toThrow("(2, 2)");
    ranker.close();
  });

  /** Runs the real worker module in this thread, messages cloned as between threads. */
  async function stubWorker(): Promise<{ workers: { onerror?: (event: { message: string }) => void; terminated: boolean }[] }> {
    const workers: {
      onmessage?: (event: { data: unknown }) => void;
      onerror?: (event: { message: string }) => void;
      terminated: boolean;
    }[] = [];
    vi.stubGlobal("onmessage", undefined);
    vi.stubGlobal("postMessage", (data: unknown, options: StructuredSerializeOptions) =>
      workers.at(-1)?.onmessage?.({ data: structuredClone(data, options) }),
    );
    vi.resetModules();
    await import("../src/analysis/worker.ts");
    const receive = (globalThis as unknown as { onmessage: (event: { data: unknown }) => void }).onmessage;
    vi.stubGlobal(
      "Worker",
      class {
        terminated = false;
        constructor() {
          workers.push(this);
        }
        postMessage(data: unknown, transfer: Transferable[]): void {
          const copy = structuredClone(data, { transfer });
          queueMicrotask(() => this.terminated || receive({ data: copy }));
        }
        terminate(): void {
          this.terminated = true;
        }
      },
    );
    return { workers };
  }

  test("sends ΔW to the worker and matches answers to requests", async () => {
    await stubWorker();
    const ranker = openRanker();
    const delta = product(8, 6, 2);
    const expected = rankOf(delta, 8, 6);
    const answers = [
      ranker.rank(delta, 8, 6),
      ranker.rank(Float32Array.of(1, 0, 0, 1), 2, 2),
      ranker.rank(new Float32Array(3), 2, 2),
    ] as const;
    // Transferred, not copied.
    expect(delta.length).toBe(0);
    await expect(answers[2]).rejects.toThrow("(2, 2)");
    expect(await answers[0]).toEqual(expected);
    expect((await answers[1]).above1Percent).toBe(2);
  });

  test("a failed or closed worker rejects what waits and what comes", async () => {
    const { workers } = await stubWorker();
    const failing = openRanker();
    const waiting = failing.rank(new Float32Array(4), 2, 2);
    workers[0]!.onerror?.({ message: "out of memory" });
    await expect(waiting).rejects.toThrow("out of memory");
    await expect(failing.rank(new Float32Array(4), 2, 2)).rejects.toThrow("out of memory");
    const closing = openRanker();
    const pending = closing.rank(new Float32Array(4), 2, 2);
    closing.close();
    await expect(pending).rejects.toThrow("closed");
    expect(workers.every(({ terminated }) => terminated)).toBe(true);
  });
});

describe("comparison", () => {
  /** Hits of two lanes from the counts: both right, only A, only B, both wrong. */
  const hits = (both: number, onlyA: number, onlyB: number, neither: number): [Uint8Array, Uint8Array] => {
    const fill = (parts: readonly [number, number][]): Uint8Array =>
      Uint8Array.from(parts.flatMap(([count, value]) => Array<number>(count).fill(value)));
    return [
      fill([
        [both, 1],
        [onlyA, 1],
        [onlyB, 0],
        [neither, 0],
      ]),
      fill([
        [both, 1],
        [onlyA, 0],
        [onlyB, 1],
        [neither, 0],
      ]),
    ];
  };
  const compare = (...counts: [number, number, number, number]) =>
    comparePaired(...(hits(...counts).map((one) => [one]) as [Uint8Array[], Uint8Array[]]));

  test("Wilson's interval has its known values", () => {
    // Newcombe 1998, table I: 81 of 263 and 15 of 148, 0 of 20, 1 of 29.
    for (const [correct, images, low, high] of [
      [81, 263, 0.2553, 0.3662],
      [15, 148, 0.0624, 0.1605],
      [0, 20, 0, 0.1611],
      [1, 29, 0.0061, 0.1718],
    ] as const) {
      const [from, to] = accuracyInterval(correct, images);
      expect(from).toBeCloseTo(low, 4);
      expect(to).toBeCloseTo(high, 4);
    }
    expect(accuracyInterval(20, 20)[1]).toBe(1);
    expect(accuracyInterval(0, 0)).toEqual([0, 1]);
  });

  test("McNemar's exact test is the two-sided binomial test of the images that differ", () => {
    expect(compare(10, 0, 0, 5).p).toBe(1);
    expect(compare(0, 1, 0, 0).p).toBe(1);
    expect(compare(3, 5, 0, 1).p).toBeCloseTo(2 / 32, 12);
    // 2 (1 + 12 + 66) / 4096
    expect(compare(7, 2, 10, 4).p).toBeCloseTo(158 / 4096, 12);
    expect(compare(7, 4, 4, 4).p).toBe(1);
    expect(compare(9, 3, 7, 9)).toMatchObject({
      images: 28,
      accuracyA: 12 / 28,
      accuracyB: 16 / 28,
      onlyA: 3,
      onlyB: 7,
      p: expect.closeTo(0.34375, 12) as number,
    });
  });

  test("thousands of images do not underflow", () => {
    // The normal approximation with continuity correction: z = 199 / √4000.
    expect(compare(0, 1900, 2100, 0).p).toBeCloseTo(0.00165, 4);
    expect(compare(0, 2000, 2000, 0).p).toBe(1);
    expect(compare(0, 3000, 0, 0).p).toBe(0);
  });

  test("the sentence says who won, by how much, whether it means anything, and what it would take", () => {
    const told = { part: "test", comparisons: 1 } as const;
    const say = (...counts: [number, number, number, number]): string => describeComparison("LoRA", "RandLoRA", compare(...counts), told);
    expect(say(86, 5, 8, 21)).toBe(
      "No difference beyond chance between RandLoRA and LoRA: 78.3 % against 75.8 % of 120 test images: 2.5 points, 95 % interval −3.6 to 8.6 (p = 0.58). About 1,400 test images would be needed to tell them apart.",
    );
    expect(say(70, 22, 8, 20)).toBe(
      "LoRA is ahead of RandLoRA by more than chance gives: 76.7 % against 65.0 % of 120 test images: 11.7 points, 95 % interval 2.8 to 20.6 (p = 0.016).",
    );
    expect(say(70, 14, 6, 20)).toContain("No difference beyond chance between LoRA and RandLoRA");
    expect(say(50, 40, 2, 8)).toContain("(p < 0.001)");
    expect(say(90, 4, 4, 22)).toBe(
      "LoRA and RandLoRA got equally many of 120 test images right (78.3 %), not always the same ones: each got 4 right that the other got wrong.",
    );
    expect(say(90, 0, 0, 30)).toBe("LoRA and RandLoRA got equally many of 120 test images right (75.0 %), the very same ones.");
    expect(say(0, 0, 0, 0)).toBe("There are no test images to compare on.");
    const many = describeComparison("LoRA", "RandLoRA", compare(70, 22, 8, 20), { part: "validation", comparisons: 3 });
    expect(many).toContain("120 validation images");
    expect(many).toContain("after correction for 3 comparisons");
  });

  test("lanes with different images or seeds are refused", () => {
    expect(() => comparePaired([new Uint8Array(3)], [new Uint8Array(4)])).toThrow("3 images against 4");
    expect(() => comparePaired([new Uint8Array(3)], [])).toThrow("1 seeds against 0");
  });
});

/** The table that says whether accuracies here and in PyTorch agree: its intervals, and what it marks. */
import { expect, test } from "vitest";
import { METHODS, type Plan, type Prepared, type Result } from "./bench/accuracy/plan.ts";
import { difference, tables } from "./bench/accuracy/table.ts";

const result = (seed: number, hits: string, change: Partial<Result> = {}): Result => ({
  set: "signs",
  amount: "all",
  method: "lora32",
  seed,
  parameters: 884_736,
  loss: 0.5,
  hits,
  ...change,
});
const some = (right: number, of: number): string => "1".repeat(right) + "0".repeat(of - right);

test("a difference is paired by seed and by image", () => {
  const same = [0, 1, 2].map((seed) => result(seed, some(60 + seed, 100)));
  expect(difference(same, same)).toEqual({ points: 0, half: 0 });
  expect(difference(same, [])).toBeUndefined();
  expect(difference([result(0, "1")], [result(1, "1")])).toBeUndefined();
  // Ten of 100 images more in every seed: seeds do not vary, images do, with a deviation of √(0.1 · 0.9 · 100/99).
  const all = (right: number) => [0, 1, 2].map((seed) => result(seed, some(right, 100)));
  const exact = difference(all(70), all(60))!;
  expect(exact.points).toBeCloseTo(10, 10);
  expect(exact.half).toBeCloseTo(100 * 1.96 * Math.sqrt((0.09 * 100) / 99 / 100), 8);
  // By seed +6, 0 and −6: t(2) · 6 / √3, and something for the images.
  const apart = difference(
    [66, 60, 54].map((right, seed) => result(seed, some(right, 100))),
    [0, 1, 2].map((seed) => result(seed, some(60, 100))),
  )!;
  expect(apart.points).toBeCloseTo(0, 10);
  expect(apart.half).toBeGreaterThan((4.303 * 6) / Math.sqrt(3));
  expect(apart.half).toBeLessThan((4.303 * 6) / Math.sqrt(3) + 2);
});

test("the table has both sides, and marks what is beyond chance", () => {
  const plan = { methods: METHODS } as Plan;
  const signs = { title: "Signs", classes: Array(10).fill(""), test: Array(200).fill(0) } as unknown as Prepared;
  const side = (right: number, amount: Result["amount"], seeds = 3) =>
    Array.from({ length: seeds }, (_, seed) => result(seed, some(right + seed, 200), { amount }));
  const text = tables(
    plan,
    new Map([["signs", signs]]),
    [...side(160, "all"), ...side(100, "16")],
    [...side(158, "all"), ...side(60, "16", 2)],
  );
  const lines = text.split("\n");
  expect(lines[0]).toBe("**Signs**, 10 classes, 200 test images");
  const row = lines.find((line) => line.includes("LoRA r 32"))!;
  expect(row).toBe("| LoRA r 32, α 64 | 884,736 | 50.5 ± 0.5 | 30.3 ± 0.4 (2) | **+20.0 ± 5.5** | 80.5 ± 0.5 | 79.5 ± 0.5 | +1.0 ± 1.0 |");
  expect(lines.filter((line) => line.startsWith("| "))).toHaveLength(3);
  expect(text).toMatch(/^2 differences, on average \+10\.5 .* 1 of their 95 % intervals exclude 0/m);
});

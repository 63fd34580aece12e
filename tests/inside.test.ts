/** What was answered, image by image: confusions, scores of classes, mistakes and disagreements. */
import { describe, expect, test } from "vitest";
import { comparePaired } from "../src/analysis/compare.ts";
import { byMistakes, classScores, confusionOf, mixups } from "../src/analysis/confusion.ts";
import { partings, sharedMistakes } from "../src/analysis/mistakes.ts";
import type { Dataset } from "../src/data/dataset.ts";
import { inMemory } from "../src/data/pixels.ts";
import { DEFAULTS } from "../src/store/config.ts";
import { answeredOf, isRenamed } from "../src/store/inside.ts";
import { chosenImages } from "../src/store/insideembeddings.ts";
import { NEWEST, smooth } from "../src/store/insidelive.ts";
import { hitsIn } from "../src/store/record.ts";
import { IDLE, type RunAction, reduce } from "../src/store/run.ts";
import { heated, mapOf, spread } from "../src/ui/inside/heat.ts";
import { orderOf } from "../src/ui/inside/order.ts";
import { nearestPoint, nextPoint, viewOf, within } from "../src/ui/inside/plane.ts";
import { mixedUp } from "../src/ui/inside/words.ts";

const u32 = (...values: number[]): Uint32Array => Uint32Array.from(values);
const f32 = (...values: number[]): Float32Array => Float32Array.from(values);

// Class 3 is only an answer, class 4 never occurs.
const truth = u32(0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 2);
const predicted = u32(0, 0, 1, 2, 1, 1, 0, 2, 2, 1, 2, 3);

describe("confusion", () => {
  const confusion = confusionOf(truth, predicted, 5);

  test("rows are true classes, columns predicted ones", () => {
    expect(Array.from(confusion.counts)).toEqual([2, 1, 1, 0, 0, 1, 2, 0, 0, 0, 0, 1, 3, 1, 0, ...new Array(10).fill(0)]);
    expect(Array.from(confusion.support)).toEqual([4, 3, 5, 0, 0]);
    expect(Array.from(confusion.taken)).toEqual([3, 4, 4, 1, 0]);
    expect(() => confusionOf(u32(0), u32(), 5)).toThrow("1 images, 0 answers");
  });

  test("mix-ups come fullest first, then by their share of the class", () => {
    expect(mixups(confusion)).toEqual([
      { truth: 1, predicted: 0, images: 1, share: 1 / 3 },
      { truth: 0, predicted: 1, images: 1, share: 1 / 4 },
      { truth: 0, predicted: 2, images: 1, share: 1 / 4 },
      { truth: 2, predicted: 1, images: 1, share: 1 / 5 },
      { truth: 2, predicted: 3, images: 1, share: 1 / 5 },
    ]);
    expect(byMistakes(confusion)).toEqual([0, 1, 2, 3, 4]);
    expect(byMistakes(confusionOf(u32(0, 1, 1), u32(0, 2, 2), 3))).toEqual([1, 2, 0]);
  });

  test("no pair of classes is picked out of those that are equally often mixed up", () => {
    const names = ["dress", "hat", "pants", "shirt"];
    const said = (...pairs: readonly (readonly [number, number, number])[]) => {
      const truth = pairs.flatMap(([label, , times]) => Array<number>(times).fill(label));
      const predicted = pairs.flatMap(([, label, times]) => Array<number>(times).fill(label));
      return mixedUp(mixups(confusionOf(u32(...truth), u32(...predicted), 4)), names, "LoRA", truth.length);
    };
    expect(said([0, 0, 3])).toBe("LoRA answered all 3 images right.");
    expect(said([0, 3, 4], [1, 3, 2])).toBe("LoRA got 6 of 6 images wrong; most often it took dress for shirt (4).");
    expect(said([0, 3, 4], [1, 3, 4], [2, 3, 4], [2, 1, 1], [0, 0, 2])).toBe(
      "LoRA got 13 of 15 images wrong; most often it took hat for shirt, pants for shirt and dress for shirt (4 each).",
    );
    expect(said([0, 1, 1], [1, 2, 1], [2, 3, 1], [3, 0, 1])).toBe(
      "LoRA got 4 of 4 images wrong; no mistake stands out: 4 pairs of classes have 1 each.",
    );
  });

  test("a thousand classes: the most confused first; a search shows who is meant and who is confused with them", () => {
    const names = Array.from({ length: 1000 }, (_, label) => `class ${label}`);
    const large = confusionOf(u32(700, 700, 3, 12), u32(41, 41, 999, 12), 1000);
    const worst = mixups(large);
    expect(orderOf(large, worst, names, "").slice(0, 4)).toEqual([41, 700, 3, 999]);
    expect(orderOf(large, worst, names, "")).toHaveLength(1000);
    expect(orderOf(large, worst, names, " CLASS 700 ")).toEqual([700, 41]);
    expect(orderOf(large, worst, names, "no such")).toEqual([]);
    expect(orderOf(confusion, mixups(confusion), names.slice(0, 5), "")).toEqual([0, 1, 2, 3, 4]);
  });

  /** scikit-learn 1.9: classification_report(truth, predicted, zero_division=0). */
  test("scores of classes are scikit-learn's", () => {
    const { classes, macro, weighted } = classScores(confusion);
    const row = ({ precision, recall, f1, support }: (typeof classes)[number]) => [precision, recall, f1, support];
    const expected = [
      [0.6666666666666666, 0.5, 0.5714285714285714, 4],
      [0.5, 0.6666666666666666, 0.5714285714285714, 3],
      [0.75, 0.6, 0.6666666666666666, 5],
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0.47916666666666663, 0.44166666666666665, 0.45238095238095233, 12],
      [0.6597222222222222, 0.5833333333333334, 0.6111111111111112, 12],
    ];
    for (const [i, scores] of [...classes, macro, weighted].entries()) {
      for (const [j, value] of row(scores).entries()) expect(value).toBeCloseTo(expected[i]?.[j] ?? Number.NaN, 12);
    }
    expect(classScores(confusionOf(u32(), u32(), 2)).macro).toEqual({ precision: 0, recall: 0, f1: 0, support: 0 });
  });
});

describe("mistakes", () => {
  const right = u32(0, 1, 2, 0, 1, 2);
  const a = { predicted: u32(0, 2, 1, 1, 1, 0), confidence: f32(0.9, 0.6, 0.8, 0.7, 0.9, 0.5) };
  const b = { predicted: u32(1, 2, 2, 2, 1, 1), confidence: f32(0.8, 0.9, 0.7, 0.6, 0.9, 0.95) };

  test("of one lane the surest first; of all lanes those of which even the least sure was sure", () => {
    expect(sharedMistakes(right, [a])).toEqual([2, 3, 1, 5]);
    expect(sharedMistakes(right, [a, b])).toEqual([1, 3, 5]);
    expect(sharedMistakes(right, [])).toEqual([]);
  });

  test("two lanes part in the numbers of McNemar's test", () => {
    const parted = partings(right, a, b);
    expect(parted).toEqual({ onlyA: [0], onlyB: [2], bothWrong: [5, 3] });
    const [first, second] = [a, b].map((said) => [hitsIn({ ...said, truth: f32() }, { labels: right })]) as [Uint8Array[], Uint8Array[]];
    expect(comparePaired(first, second)).toMatchObject({ onlyA: parted.onlyA.length, onlyB: parted.onlyB.length });
  });
});

describe("answers", () => {
  const dataset: Dataset = {
    name: "two",
    classes: ["a", "b"],
    size: 1,
    pixels: inMemory(new Uint8Array(15), 5),
    labels: u32(0, 1, 0, 1, 1),
    sources: ["0", "1", "2", "3", "4"],
  };
  const config = DEFAULTS;
  const split = { train: u32(0), validation: u32(1, 4), test: u32(2, 3) };
  const ready: RunAction = {
    type: "ready",
    gpu: "",
    software: false,
    memory: { weights: 0, activations: 0, lanes: [] },
    lanes: config.lanes.map(() => ({ parameters: 1, way: "", exported: { form: "peft" as const, bytes: 1 } })),
    split,
  };
  const score = { loss: 1, accuracy: 0.5, correct: 1, answers: { predicted: u32(1, 0), confidence: f32(1, 1), truth: f32(1, 0) } };
  const lanes = config.lanes.map(() => score);
  const start: RunAction = { type: "start", config, dataset };
  const validation: RunAction = { type: "validation", step: 10, lanes };
  const run = (...actions: RunAction[]) => answeredOf(actions.reduce(reduce, IDLE));

  test("the newest validation's while it runs, the test's after it", () => {
    expect(run(start, ready)).toBeNull();
    expect(run(start, ready, validation)).toMatchObject({ part: "validation", step: 10, images: u32(1, 4), truth: u32(1, 1) });
    const tested = run(start, ready, validation, { type: "test", step: 20, lanes, before: null });
    expect(tested).toMatchObject({ part: "test", step: 20, images: u32(2, 3), truth: u32(0, 1) });
    expect(tested?.lanes.map((lane) => lane.config.method)).toEqual(config.lanes.map(({ method }) => method));
  });

  test("keep the names that the classes had, and know when those are others by now", () => {
    expect(isRenamed(dataset, dataset)).toBe(false);
    expect(isRenamed(dataset, { classes: ["a", "b"] })).toBe(false);
    expect(isRenamed(dataset, null)).toBe(false);
    expect(isRenamed(dataset, { classes: ["a", "bee"] })).toBe(true);
    expect(isRenamed(dataset, { classes: ["a"] })).toBe(true);
  });

  test("those of a run that is gone are gone with it", () => {
    expect(run(start, ready, validation, { type: "reset" })).toBeNull();
    const other = { ...dataset, labels: u32(0, 0, 0, 0, 0) };
    expect(run(start, ready, validation, { ...start, dataset: other })).toBeNull();
    expect(run(start, ready, validation, { ...start, dataset: other }, validation)).toBeNull();
    expect(run(start, ready, validation, { ...start, dataset: other }, ready, validation)).toMatchObject({ truth: u32(0, 0) });
  });
});

describe("a map over an image", () => {
  // Two blocks, two heads, 2 × 2 patches.
  const gaze = { direct: Float32Array.from({ length: 16 }, (_, i) => i), rollout: Float32Array.from({ length: 8 }, (_, i) => 100 + i) };
  const sizes = { heads: 2, across: 2 };

  test("is one head's, the mean of the heads, or the rollout", () => {
    expect(Array.from(mapOf(gaze, sizes, { block: 1, head: 0 }))).toEqual([8, 9, 10, 11]);
    expect(Array.from(mapOf(gaze, sizes, { block: 1, head: 1 }))).toEqual([12, 13, 14, 15]);
    expect(Array.from(mapOf(gaze, sizes, { block: 0, head: "mean" }))).toEqual([2, 3, 4, 5]);
    expect(Array.from(mapOf(gaze, sizes, { block: 1, head: "rollout" }))).toEqual([104, 105, 106, 107]);
  });

  /** torch.nn.functional.interpolate(mode="bilinear", align_corners=False) */
  test("is spread bilinearly, as PyTorch does it", () => {
    const rows = [
      [0, 0.25, 0.75, 1],
      [0.5, 0.75, 1.25, 1.5],
      [1.5, 1.75, 2.25, 2.5],
      [2, 2.25, 2.75, 3],
    ];
    expect(Array.from(spread(f32(0, 1, 2, 3), 2, 4))).toEqual(rows.flat());
    expect(Array.from(spread(f32(7), 1, 2))).toEqual([7, 7, 7, 7]);
  });

  test("lies over the image by its opacity", () => {
    const pixels = Uint8Array.of(10, 20, 30);
    const over = (opacity: number, value = 2, isSigned = false) => Array.from(heated(pixels, f32(value), { most: 2, isSigned }, opacity));
    expect(over(0)).toEqual([10, 20, 30, 255]);
    expect(over(1)).toEqual([253, 231, 37, 255]);
    expect(over(0.5)).toEqual([132, 126, 34, 255]);
    expect(over(1, -2, true)).toEqual([0, 92, 171, 255]);
    expect(over(1, 9)).toEqual(over(1));
  });
});

describe("points in a plane", () => {
  const points = f32(0, 0, 4, 0, 4, 4, 0, 4, 2, 2);
  const view = viewOf([points], 232, 232);

  test("fill their place, upwards is more, and both axes have one scale", () => {
    expect(view.at(points, 0)).toEqual([16, 216]);
    expect(view.at(points, 2)).toEqual([216, 16]);
    const wide = viewOf([points, f32(12, 2)], 232, 232);
    const [a, b, c] = [wide.at(points, 0), wide.at(points, 1), wide.at(points, 3)];
    expect(b[0] - a[0]).toBeCloseTo(a[1] - c[1], 9);
    expect(viewOf([f32(3, 3)], 100, 80).at(f32(3, 3), 0)).toEqual([50, 40]);
  });

  test("are found by the mouse, by arrow keys and by a line around them", () => {
    expect(nearestPoint(view, points, 20, 210, 14)).toBe(0);
    expect(nearestPoint(view, points, 60, 210, 14)).toBeNull();
    expect(nextPoint(view, points, 0, 1, 0)).toBe(1);
    expect(nextPoint(view, points, 0, 0, -1)).toBe(3);
    expect(nextPoint(view, points, 0, -1, 0)).toBe(0);
    expect(within(view, points, [100, 100, 230, 100, 230, 230, 100, 230])).toEqual([1, 4]);
    expect(within(view, points, [0, 0, 10, 0, 10, 10])).toEqual([]);
  });

  test("are of images from all over", () => {
    expect(Array.from(chosenImages(u32(3, 5, 8), 5))).toEqual([3, 5, 8]);
    const many = Uint32Array.from({ length: 5000 }, (_, i) => 2 * i);
    const some = chosenImages(many, 2000);
    expect(some).toHaveLength(2000);
    expect(new Set(some).size).toBe(2000);
    expect(some.at(-1)).toBeGreaterThan(9990);
  });
});

describe("answers to the camera", () => {
  test("follow the frames slowly, and begin anew with other lanes", () => {
    const first = { lanes: [f32(1, 0)], before: f32(0.5, 0.5) };
    expect(smooth(null, first)).toBe(first);
    const second = smooth(first, { lanes: [f32(0, 1)], before: f32(0.5, 0.5) });
    expect(second.lanes[0]?.[1]).toBeCloseTo(NEWEST, 6);
    expect(second.lanes[0]?.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    expect(second.before).toEqual(first.before);
    const other = { lanes: [f32(0, 1), f32(1, 0)] };
    expect(smooth(first, other)).toBe(other);
    expect(smooth(first, { lanes: [f32(0, 0, 1)] }).lanes[0]).toEqual(f32(0, 0, 1));
  });
});

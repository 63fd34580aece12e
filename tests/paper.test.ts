/** The paper's analyses on the CPU, against NumPy's numbers, and what the page keeps of them. */
import { describe, expect, test } from "vitest";
import { DUST, meanSpectrum } from "../src/analysis/spectrum.ts";
import { layersIn, MOMENTS, measured, type RankMoment, remember } from "../src/store/paper.ts";
import type { LayerRank } from "../src/train/run.ts";

const close = (got: ArrayLike<number>, want: readonly number[], digits = 12): void => {
  expect(got.length).toBe(want.length);
  want.forEach((value, i) => {
    expect(got[i]).toBeCloseTo(value, digits);
  });
};

describe("mean spectrum", () => {
  // x = np.maximum(1e-8, s / s[:, :1]) of the rows below; np.exp(np.log(x).mean(0)), np.quantile(x, 0.1, axis=0), np.quantile(x, 0.9, axis=0)
  test("is NumPy's geometric mean and percentiles of σ / σ₁", () => {
    const found = meanSpectrum([
      [8, 4, 2, 1],
      [9, 1, 0.3, 0],
      [20, 10, 5, 4],
    ])!;
    close(found.mean, [1.0, 0.3028534321386899, 0.12771823873225885, 0.0006299605249474365]);
    close(found.low, [1.0, 0.18888888888888888, 0.07666666666666666, 0.025000008000000004]);
    close(found.high, [1.0, 0.5, 0.25, 0.185]);
    expect(found.layers).toBe(3);
  });

  test("layers without an update are left out; without any there is none", () => {
    const found = meanSpectrum([
      [0, 0],
      [Number.NaN, Number.NaN],
      [2, 1, 0.5],
      [Infinity, 1],
    ])!;
    close(found.mean, [1, 0.5, 0.25]);
    expect(found.layers).toBe(1);
    expect(meanSpectrum([[0, 0], []])).toBeUndefined();
    expect(meanSpectrum([[3, 0]])!.mean[1]).toBeCloseTo(DUST, 15);
  });
});

const layer = (path: string, block: number, effectiveRank: number): LayerRank => ({
  path,
  block,
  target: "q",
  singularValues: new Float32Array(3),
  effectiveRank,
  stableRank: effectiveRank / 2,
  above1Percent: Number.isFinite(effectiveRank) ? 3 : 0,
});

describe("history of ranks", () => {
  test("one moment for each measurement, without its spectra; the same step again replaces it", () => {
    let history: readonly RankMoment[] = [];
    for (const step of [0, 10, 10, 20]) history = remember(history, { step, layers: [layer("a", 0, step + 1)] });
    expect(history.map(({ step }) => step)).toEqual([0, 10, 20]);
    expect(history[1]!.layers[0]).toEqual({ path: "a", block: 0, target: "q", effectiveRank: 11, stableRank: 5.5, above1Percent: 3 });
  });

  test("a long run keeps its first and its newest moments, and never too many", () => {
    let history: readonly RankMoment[] = [];
    for (let step = 0; step < 1000; step++) {
      history = remember(history, { step, layers: [] });
      expect(history.length).toBeLessThanOrEqual(MOMENTS + 1);
      expect(history.at(-1)!.step).toBe(step);
    }
    expect(history[0]!.step).toBe(0);
    expect(history.length).toBeGreaterThan(MOMENTS / 2);
  });

  test("a zero update has no rank, which is not 0 of anything", () => {
    const none = layer("a", 0, Number.NaN);
    for (const measure of ["effective", "stable", "above"] as const) {
      expect(measured(none, measure)).toBeNaN();
      expect(measured(undefined, measure)).toBeNaN();
    }
    expect(measured(layer("a", 0, 4), "above")).toBe(3);
    expect(measured(layer("a", 0, 4), "stable")).toBe(2);
  });

  test("the rows are the layers of all lanes, block by block", () => {
    const of = (...paths: [string, number][]) => [{ step: 1, layers: paths.map(([path, block]) => layer(path, block, 1)) }];
    const rows = layersIn([of(["a", 0], ["c", 1]), [], of(["b", 0], ["c", 1])]);
    expect(rows.map(({ path }) => path)).toEqual(["a", "b", "c"]);
  });
});

/** The paper's analyses on the CPU, against NumPy's numbers, and what the page keeps of them. */
import { describe, expect, test } from "vitest";
import { overlapsOf } from "../src/analysis/analyst.ts";
import { ckaTable, gramOf, hsic } from "../src/analysis/cka.ts";
import { FLOOR, meanSpectrum } from "../src/analysis/spectrum.ts";
import { amplification, type Directions, frobenius, leadingDirections, overlapOf } from "../src/analysis/subspace.ts";
import { chanceOf, meanPhi, phiMap, phiOf } from "../src/store/paperoverlap.ts";
import { MOMENTS, measured, type RankMoment, remember } from "../src/store/ranks.ts";
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
    expect(meanSpectrum([[3, 0]])!.mean[1]).toBeCloseTo(FLOOR, 15);
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
});

/** The numbers of a 32-bit linear congruential generator in ±0.5, which NumPy draws in the same way. */
function drawn(seed: number, count: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

describe("shared directions", () => {
  // A, B = draw(1, 84).reshape(12, 7), draw(2, 84).reshape(12, 7); C = draw(3, 24).reshape(12, 2) @ draw(4, 14).reshape(2, 7), as float32
  // U, S, V = np.linalg.svd(·, full_matrices=False); φ = np.linalg.norm(UA[:, :i].T @ UB[:, :j]) ** 2 / min(i, j)
  const [A, B] = [drawn(1, 84), drawn(2, 84)];
  const [up, down] = [drawn(3, 24), drawn(4, 14)];
  const C = Float32Array.from({ length: 84 }, (_, i) => {
    const [row, column] = [Math.floor(i / 7), i % 7];
    return up[2 * row]! * down[column]! + up[2 * row + 1]! * down[7 + column]!;
  });
  const [a, b, c] = [A, B, C].map((matrix) => leadingDirections(matrix, 12, 7, 64)) as [Directions, Directions, Directions];

  test("directions are NumPy's, as many as there are, and orthonormal, for tall and wide matrices", () => {
    close(
      a.sigma,
      [
        1.5127300412105569, 1.2939756992884606, 1.2130970781083728, 0.9752621831062999, 0.8404962124796443, 0.6288390502387136,
        0.28407505159400603,
      ],
      6,
    );
    expect(c.sigma).toHaveLength(2);
    expect(leadingDirections(A, 12, 7, 3).sigma).toHaveLength(3);
    const turned = Float32Array.from(A, (_, i) => A[(i % 12) * 7 + Math.floor(i / 12)]!);
    const wide = leadingDirections(turned, 7, 12, 64);
    close(wide.sigma, [...a.sigma], 12);
    for (const [vectors, width] of [
      [a.left, 12],
      [a.right, 7],
      [wide.left, 7],
      [wide.right, 12],
      [c.left, 12],
      [c.right, 7],
    ] as const) {
      const phi = overlapOf(vectors, vectors, width);
      for (let i = 0, n = vectors.length / width; i < n; i++) expect(phi[i * n + i]).toBeCloseTo(1, 6);
    }
  });

  test.each([
    ["left", 1, 1, 0.028346288005008064],
    ["left", 2, 3, 0.16401980251730003],
    ["left", 3, 2, 0.1755086125811636],
    ["left", 7, 7, 0.6192563832069194],
    ["left", 4, 6, 0.5778856840754724],
    ["right", 1, 1, 0.05547051942401959],
    ["right", 2, 3, 0.5697702196789065],
    ["right", 3, 2, 0.3939403618476553],
    ["right", 7, 7, 1.0000000000000004],
    ["right", 4, 6, 0.8756673575564736],
  ] as const)("φ of %s singular vectors at i = %i, j = %i is NumPy's", (side, i, j, want) => {
    const phi = overlapOf(a[side], b[side], side === "left" ? 12 : 7);
    expect(phi[(i - 1) * 7 + j - 1]).toBeCloseTo(want, 6);
  });

  test("φ with an update of rank 2 ends at its second direction", () => {
    const phi = overlapOf(a.left, c.left, 12);
    expect(phi).toHaveLength(14);
    close([phi[0]!, phi[3]!, phi[13]!], [0.29692343766819884, 0.178919314361626, 0.27714142946811554], 6);
  });

  test("φ does not change with the size or the sign of an update, and the same update shares all", () => {
    const scaled = leadingDirections(
      A.map((value) => -1e-20 * value),
      12,
      7,
      64,
    );
    const phi = overlapOf(a.left, scaled.left, 12);
    for (let k = 0; k < 7; k++) expect(phi[8 * k]).toBeCloseTo(1, 5);
  });

  // np.linalg.norm(B) / np.linalg.norm(UB[:, :k].T @ A @ VB[:k].T)
  test("amplification is NumPy's", () => {
    const of = amplification(frobenius(B), b, A, 12, 7);
    close([of[0]!, of[1]!, of[2]!, of[6]!], [12.557659684280958, 5.631389060218171, 3.231109813582989, 1.1885187728956876], 5);
    close(amplification(frobenius(C), c, A, 12, 7), [3.832697675332955, 1.2072370839368156], 5);
  });

  test("a zero, a non-finite and a missing update have no directions, and the others go on", () => {
    const question = { kind: "overlap", rows: 12, cols: 7 } as const;
    const { counts, pairs, amplifications } = overlapsOf({
      ...question,
      weight: A,
      deltas: [B, new Float32Array(84), C.with(3, Number.NaN), null, C],
    });
    expect(counts).toEqual([7, 7, 0, 0, 0, 2]);
    expect(pairs).toHaveLength(15);
    expect(amplifications.map(({ length }) => length)).toEqual([7, 0, 0, 0, 2]);
    const layer = { path: "a", block: 0, target: "q", rows: 12, cols: 7, counts, pairs, amplifications };
    expect(phiOf(layer, -1, 0, "left", 2, 3)).toBeCloseTo(0.16401980251730003, 6);
    expect(phiOf(layer, 0, -1, "left", 3, 2)).toBeCloseTo(0.16401980251730003, 6);
    expect(phiOf(layer, 0, 1, "left", 1, 1)).toBeNaN();
    expect(phiOf(layer, -1, 4, "left", 1, 3)).toBeNaN();
    const map = phiMap([layer, layer], 4, -1, "left");
    expect([map.rows, map.columns]).toEqual([2, 7]);
    expect(map.values[1 * 7 + 6]).toBeCloseTo(0.27714142946811554, 6);
    expect(meanPhi([layer, { ...layer, counts: [7, 7, 0, 0, 0, 0] }], -1, 4, "left", 7, 2)).toBeCloseTo(0.27714142946811554, 6);
    expect(chanceOf([layer], "right", 2, 3)).toBeCloseTo(3 / 7, 12);
  });
});

describe("CKA", () => {
  const N = 20;
  const [X, Y] = [drawn(5, 120), drawn(6, 80)];
  /** Two columns of X, stretched and moved, and one of Y. */
  const Z = Float64Array.from({ length: 60 }, (_, i) =>
    i % 3 < 2 ? 2 * X[6 * Math.floor(i / 3) + (i % 3)]! + 1 : Y[4 * Math.floor(i / 3)]!,
  );
  const cka = (a: ArrayLike<number>, b: ArrayLike<number>) => ckaTable([gramOf(a, N), gramOf(b, N)], N)[1]!;

  // X, Y = draw(5, 120).reshape(20, 6), draw(6, 80).reshape(20, 4); Z = np.hstack([2 * X[:, :2] + 1, Y[:, :1]]); K, L = X @ X.T, Y @ Y.T
  // with zero diagonals: (np.trace(K @ L) + K.sum() * L.sum() / ((n-1) * (n-2)) - 2 / (n-2) * (K.sum(0) @ L.sum(0))) / (n * (n-3))
  test("HSIC₁ and CKA are NumPy's", () => {
    expect(hsic(gramOf(X, N), gramOf(Y, N), N)).toBeCloseTo(0.0035284651889031233, 12);
    expect(hsic(gramOf(X, N), gramOf(X, N), N)).toBeCloseTo(0.04102667233399653, 12);
    expect(cka(X, Y)).toBeCloseTo(0.09387462024189708, 10);
    expect(cka(X, Z)).toBeCloseTo(0.6013577825964165, 10);
    expect(cka(Y, Z)).toBeCloseTo(0.07635803211179316, 10);
  });

  test("1 with itself; rotation, scale and shift change nothing; it is symmetric", () => {
    const [c, s] = [Math.cos(1), Math.sin(1)];
    const turned = Float64Array.from(X, (v, i) => 7 * (i % 6 === 0 ? c * v - s * X[i + 1]! : i % 6 === 1 ? s * X[i - 1]! + c * v : v) + 3);
    expect(cka(X, X)).toBeCloseTo(1, 12);
    expect(cka(X, turned)).toBeCloseTo(1, 10);
    expect(cka(turned, Z)).toBeCloseTo(cka(Z, X), 10);
  });

  test("of what is independent it is 0 on average, where the biased estimate is far above", () => {
    const values = Array.from({ length: 200 }, (_, seed) => cka(drawn(1000 + seed, 120), drawn(5000 + seed, 120)));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    expect(Math.abs(mean)).toBeLessThan((4 * spread) / Math.sqrt(200));
    expect(spread).toBeLessThan(0.2);
  });

  test("constant and non-finite features have none, and leave the others alone; three inputs are refused", () => {
    const constant = Float64Array.from({ length: 40 }, (_, i) => (i % 2 ? 0.1 : 12345.678));
    const broken = Float64Array.from(X).fill(Number.NaN, 4, 5);
    const table = ckaTable(
      [X, constant, broken, Z].map((x) => gramOf(x, N)),
      N,
    );
    expect(table[0]).toBeCloseTo(1, 12);
    expect(table[3]).toBeCloseTo(0.6013577825964165, 10);
    for (const at of [1, 2, 5, 6, 10]) expect(table[at]).toBeNaN();
    expect(() => hsic(new Float64Array(9), new Float64Array(9), 3)).toThrow("four");
  });
});

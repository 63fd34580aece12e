/** Features in a plane: principal components against NumPy's, UMAP seeded, and neighbours that vote. */
import { describe, expect, test } from "vitest";
import { neighbourAccuracy } from "../src/analysis/neighbours.ts";
import { principal } from "../src/analysis/pca.ts";
import { project } from "../src/analysis/projection.ts";
import { normal } from "../src/tensor/random.ts";

/** numpy.linalg.svd of the centred case, with the largest loading of each component made positive. */
const SCORES = [
  [1.73359309, 1.962470349],
  [0.780573637, -0.42607887],
  [2.059934324, -1.975011],
  [1.2236263, 0.693370583],
  [-1.970054618, 1.279677546],
  [-2.397028347, -0.956622728],
  [-0.414068386, -1.601386166],
  [-1.3012854, 0.663613929],
  [-2.883076544, 0.727471742],
  [-0.575866285, -1.593993221],
  [2.208029704, -0.186069737],
  [1.535622525, 1.412557572],
];
const SHARES = [0.5349962458270994, 0.2778365917240603];

/** `count` points around each of some far corners of `width` dimensions. */
function clusters(count: number, width: number, spread: number): { x: Float32Array; labels: Uint32Array } {
  const labels = Uint32Array.from({ length: 3 * count }, (_, i) => i % 3);
  const x = Float32Array.from({ length: 3 * count * width }, (_, at) => {
    const [row, column] = [Math.floor(at / width), at % width];
    return 10 * Number(column === labels[row]) + spread * normal(5, row, column);
  });
  return { x, labels };
}

describe("principal components", () => {
  test("are NumPy's", () => {
    const x = Float32Array.from({ length: 72 }, (_, at) => {
      const [i, j] = [Math.floor(at / 6), at % 6];
      return Math.sin(1.7 * i + 0.9 * j) + 0.3 * j * Math.cos(0.5 * i) + 0.2 * ((i * 7 + j * 3) % 5);
    });
    const { points, shares } = principal(x, 12, 6);
    for (const [i, score] of SCORES.flat().entries()) expect(points[i]).toBeCloseTo(score, 6);
    for (const [i, share] of SHARES.entries()) expect(shares[i]).toBeCloseTo(share, 9);
  });

  test("of many wide points hold what two directions hold", () => {
    const [rows, width] = [60, 200];
    // Two directions of known lengths, and faint noise: the shares follow from the lengths.
    const x = Float32Array.from({ length: rows * width }, (_, at) => {
      const [row, column] = [Math.floor(at / width), at % width];
      return 8 * normal(1, row, 0) * Math.sin(column) + 3 * normal(1, row, 1) * Math.cos(column) + 0.01 * normal(2, row, column);
    });
    const { points, shares } = principal(x, rows, width);
    expect((shares[0] as number) + (shares[1] as number)).toBeGreaterThan(0.9999);
    expect(shares[0]).toBeGreaterThan(shares[1] as number);
    const first = Float64Array.from({ length: rows }, (_, row) => normal(1, row, 0));
    const mean = first.reduce((sum, v) => sum + v, 0) / rows;
    let [dot, a, b] = [0, 0, 0];
    for (let row = 0; row < rows; row++) {
      const [p, q] = [points[2 * row] as number, (first[row] as number) - mean];
      dot += p * q;
      a += p * p;
      b += q * q;
    }
    expect(Math.abs(dot) / Math.sqrt(a * b)).toBeGreaterThan(0.97);
  });

  test("of one point, of one dimension, of equal points", () => {
    expect(principal(Float32Array.of(1, 2, 3), 1, 3).points).toEqual(Float32Array.of(0, 0));
    expect(Array.from(principal(Float32Array.of(1, 2, 6), 3, 1).points)).toEqual([-2, 0, -1, 0, 3, 0]);
    expect(principal(new Float32Array(12).fill(2), 4, 3)).toEqual({ points: new Float32Array(8), shares: [Number.NaN, Number.NaN] });
    expect(() => principal(Float32Array.of(1, Number.NaN), 2, 1)).toThrow("not finite");
    expect(() => principal(Float32Array.of(1), 2, 1)).toThrow("not (2, 1)");
  });
});

describe("neighbours", () => {
  test("vote by cosine, never for themselves", () => {
    const { x, labels } = clusters(10, 4, 0.5);
    expect(neighbourAccuracy(x, 4, labels)).toBe(1);
    // Length says nothing: the same directions, a hundred times as long.
    expect(
      neighbourAccuracy(
        x.map((v, i) => (Math.floor(i / 4) % 2 ? 100 * v : v)),
        4,
        labels,
      ),
    ).toBe(1);
    // One image of each class: nobody of its class is left to vote.
    expect(neighbourAccuracy(Float32Array.of(1, 0, 0.9, 0.1, 0, 1), 2, Uint32Array.of(0, 1, 2))).toBe(0);
    expect(neighbourAccuracy(Float32Array.of(1), 1, Uint32Array.of(0))).toBeNaN();
  });

  test("of equally many votes the nearest count", () => {
    // Seen from row 0 (class 0): two of class 0 nearer than two of class 1, and one of class 2 between.
    const angles = [0, 0.1, 0.4, 0.2, 0.5, 0.3];
    const x = Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));
    const seen = (labels: number[]) => neighbourAccuracy(x, 2, Uint32Array.from(labels));
    // Row 0 itself votes last or for nobody among the others: only its own answer differs.
    expect(seen([0, 0, 0, 1, 1, 2])).toBe(1 / 6 + seen([9, 0, 0, 1, 1, 2]));
  });
});

describe("layout of both sides together", () => {
  const { x, labels } = clusters(20, 6, 0.6);
  const moved = x.map((v) => 1.5 * v);
  const request = { before: x, after: moved, width: 6, labels, seed: 3 };

  test("by PCA both lie on the axes of all points", () => {
    const { before, after, shares, neighbours } = project({ ...request, kind: "pca" });
    const joint = principal(Float32Array.from([...x, ...moved]), 120, 6);
    expect([...before, ...after]).toEqual([...joint.points]);
    expect(shares).toEqual(joint.shares);
    expect(neighbours).toEqual({ before: 1, after: 1 });
  });

  test("UMAP: a seed gives the same points twice, another others, and three clusters stay three", () => {
    const shares: number[] = [];
    const first = project({ ...request, after: x, kind: "umap" }, (share) => shares.push(share));
    expect(project({ ...request, after: x, kind: "umap" })).toEqual(first);
    expect(project({ ...request, after: x, kind: "umap", seed: 4 }).before).not.toEqual(first.before);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.length).toBeGreaterThan(10);
    for (const points of [first.before, first.after]) {
      const at = (i: number) => [points[2 * i] as number, points[2 * i + 1] as number] as const;
      const apart = (i: number, j: number) => Math.hypot(at(i)[0] - at(j)[0], at(i)[1] - at(j)[1]);
      for (let i = 0; i < labels.length; i++) {
        const others = Array.from(labels.keys()).filter((j) => j !== i);
        others.sort((a, b) => apart(i, a) - apart(i, b));
        // A cluster of 20: its other 19 are nearer than anyone else.
        expect(others.slice(0, 19).every((j) => labels[j] === labels[i])).toBe(true);
      }
    }
  });

  test("a handful of images is enough", () => {
    const few = clusters(1, 6, 0.1);
    const { before } = project({ ...request, before: few.x, after: few.x, labels: few.labels, kind: "umap" });
    expect(before).toHaveLength(6);
    expect(before.every(Number.isFinite)).toBe(true);
  });
});

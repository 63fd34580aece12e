/** The directions in which points differ most. */
import { EigenvalueDecomposition, Matrix, QrDecomposition } from "ml-matrix";
import { normal } from "../tensor/random.ts";

export interface Principal {
  /** (rows, 2) The points along the two components, from their mean. */
  readonly points: Float32Array<ArrayBuffer>;
  /** (2) Share of the variance along each, descending. NaN where all points are one. */
  readonly shares: readonly number[];
}

/** What is drawn is a plane. */
const COMPONENTS = 2;
/** Directions iterated beside those that are wanted: with them the wanted ones settle sooner. */
const SPARE = 8;
const ROUNDS = 200;
const SETTLED = 1e-9;

/**
 * The first two principal components of `x` (rows, width), row-major, by subspace iteration (Golub and Van Loan, Matrix Computations,
 * §8.2.4) in float64: a covariance of wide features is never formed. A component points to where its largest loading is positive.
 * Throws when the length does not fit, or a number is not finite.
 */
export function principal(x: Float32Array, rows: number, width: number): Principal {
  if (x.length !== rows * width) throw new Error(`principal: ${x.length} numbers are not (${rows}, ${width}).`);
  if (!x.every(Number.isFinite)) throw new Error("The features hold numbers that are not finite.");
  const points = Matrix.from1DArray(rows, width, x);
  points.subRowVector(points.mean("column"));
  const turned = points.transpose();
  const whole = points.to1DArray().reduce((sum, value) => sum + value * value, 0);
  const count = Math.min(COMPONENTS + SPARE, rows, width);
  const drawn = Array.from({ length: width * count }, (_, i) => normal(0, 0x706361, i));
  let span = new QrDecomposition(Matrix.from1DArray(width, count, drawn)).orthogonalMatrix;
  for (let round = 1; ; round++) {
    const seen = points.mmul(span);
    const next = turned.mmul(seen);
    // Within the span, the best directions are the eigenvectors of a small matrix; they come ascending.
    const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(seen.transpose().mmul(seen), { assumeSymmetric: true });
    const best = Array.from({ length: Math.min(COMPONENTS, count) }, (_, c) => count - 1 - c);
    const mix = eigenvectorMatrix.subMatrixColumn(best);
    const axes = span.mmul(mix);
    const values = best.map((at) => Math.max(0, realEigenvalues[at] as number));
    const rest = next.mmul(mix).sub(Matrix.mul(axes, new Matrix(Array.from({ length: width }, () => values))));
    if (rest.norm() <= SETTLED * (values[0] as number) || round === ROUNDS)
      return { points: along(seen.mmul(mix), axes), shares: values.map((value) => value / whole) };
    span = new QrDecomposition(next).orthogonalMatrix;
  }
}

function along(scores: Matrix, axes: Matrix): Float32Array<ArrayBuffer> {
  const points = new Float32Array(scores.rows * COMPONENTS);
  for (let c = 0; c < axes.columns; c++) {
    const axis = axes.getColumn(c);
    const largest = axis.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    for (let row = 0; row < scores.rows; row++) points[row * COMPONENTS + c] = Math.sign(largest) * scores.get(row, c);
  }
  return points;
}

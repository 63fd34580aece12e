/** How many directions a layer's update ΔW uses. */
import { Matrix, QrDecomposition, SingularValueDecomposition } from "ml-matrix";

export interface RankMetrics {
  /** (min(rows, cols)) descending. All NaN when ΔW holds a number that is not finite. */
  readonly singularValues: Float32Array<ArrayBuffer>;
  /** exp(entropy of σ / Σσ) (Roy and Vetterli 2007): 1 … min(rows, cols). NaN for a zero or non-finite ΔW. */
  readonly effectiveRank: number;
  /** ‖ΔW‖_F² / σ₁². NaN for a zero or non-finite ΔW. */
  readonly stableRank: number;
  /** How many σ exceed 1 % of σ₁; 0 for a zero or non-finite ΔW. */
  readonly above1Percent: number;
}

/** Metrics of ΔW (rows, cols), row-major, computed in float64. Throws when the length does not fit. */
export function rankOf(delta: Float32Array, rows: number, cols: number): RankMetrics {
  if (delta.length !== rows * cols) throw new Error(`rankOf: ΔW has ${delta.length} numbers, its shape is (${rows}, ${cols}).`);
  const sigma = singularValues(delta, rows, cols);
  const largest = sigma[0] ?? 0;
  const sum = sigma.reduce((total, s) => total + s, 0);
  // Of a zero ΔW the shares are 0 / 0, and NaN passes through to the metrics, as it must.
  const shares = sigma.map((s) => s / sum);
  const entropy = shares.reduce((total, share) => (share === 0 ? total : total - share * Math.log(share)), 0);
  return {
    singularValues: new Float32Array(sigma),
    effectiveRank: Math.exp(entropy),
    stableRank: sigma.reduce((total, s) => total + (s / largest) ** 2, 0),
    above1Percent: sigma.filter((s) => s > 0.01 * largest).length,
  };
}

/** Singular values in float64, descending. */
function singularValues(delta: Float32Array, rows: number, cols: number): Float64Array {
  const count = Math.min(rows, cols);
  // The iteration never ends on NaN or infinity.
  if (!delta.every(Number.isFinite)) return new Float64Array(count).fill(Number.NaN);
  const given = Matrix.from1DArray(rows, cols, delta);
  const tall = rows >= cols ? given : given.transpose();
  // ΔW = QR has the singular values of the small square R: for a 4 : 1 matrix this saves a third of the time.
  const square = tall.rows >= 2 * count ? new QrDecomposition(tall).upperTriangularMatrix : tall;
  const { diagonal } = new SingularValueDecomposition(square, { computeLeftSingularVectors: false, computeRightSingularVectors: false });
  return Float64Array.from(diagonal).sort().reverse();
}

/** Where updates point: their leading singular directions, and how far two sets of directions overlap (LoRA, arXiv 2106.09685, section 7). */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** Directions weaker than this share of the strongest are rounding errors of float32. */
const DUST = 1e-6;

export interface Directions {
  /** (k) descending */
  readonly sigma: Float64Array;
  /** (k, rows), (k, cols): the left and right singular vectors, one a row. */
  readonly left: Float64Array;
  readonly right: Float64Array;
}

/**
 * The strongest directions of a matrix (rows, cols), row-major, in float64: `most` at most, fewer where its rank is lower, none where it
 * is zero or not finite. From the eigenvectors of the smaller of MᵀM and MMᵀ: what is above a millionth of σ₁ is well above its errors.
 */
export function leadingDirections(matrix: Float32Array, rows: number, cols: number, most: number): Directions {
  if (matrix.length !== rows * cols) throw new Error(`leadingDirections: ${matrix.length} numbers are no (${rows}, ${cols}).`);
  const largest = matrix.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  // Math.max passes NaN on.
  if (!(largest > 0) || !Number.isFinite(largest))
    return { sigma: new Float64Array(0), left: new Float64Array(0), right: new Float64Array(0) };
  const scaled = Float64Array.from(matrix, (value) => value / largest);
  const wide = cols > rows;
  const tall = wide ? transposed(scaled, rows, cols) : scaled;
  const [m, n] = wide ? [cols, rows] : [rows, cols];
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(Matrix.from1DArray(n, n, gram(tall, m, n)), {
    assumeSymmetric: true,
  });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => (realEigenvalues[b] as number) - (realEigenvalues[a] as number));
  const squares = order.map((i) => Math.max(0, realEigenvalues[i] as number));
  const kept = Math.min(most, squares.filter((square) => square > DUST ** 2 * (squares[0] as number)).length);
  const inner = new Float64Array(kept * n);
  for (let k = 0; k < kept; k++) for (let j = 0; j < n; j++) inner[k * n + j] = eigenvectorMatrix.get(j, order[k] as number);
  const sigma = Float64Array.from(squares.slice(0, kept), Math.sqrt);
  const outer = product(inner, kept, n, tall, m).map((value, at) => value / (sigma[Math.floor(at / m)] as number));
  return { sigma: sigma.map((s) => s * largest), left: wide ? inner : outer, right: wide ? outer : inner };
}

/**
 * φ (a's, b's): at [i - 1, j - 1] ‖A_iᵀ B_j‖_F² / min(i, j) of the first i rows of `a` (·, width) and the first j of `b`, which are
 * orthonormal. 1: one set lies in the span of the other; 0: they are at right angles; max(i, j) / width on average by chance.
 */
export function overlapOf(a: Float64Array, b: Float64Array, width: number): Float32Array<ArrayBuffer> {
  const [m, n] = [a.length / width, b.length / width];
  const dots = product(a, m, width, b, n);
  // `above[j]` is the sum over all earlier rows of the squares up to column j.
  const above = new Float64Array(n);
  const phi = new Float32Array(m * n);
  for (let i = 0; i < m; i++) {
    let along = 0;
    for (let j = 0; j < n; j++) {
      along += (dots[i * n + j] as number) ** 2;
      above[j] = (above[j] as number) + along;
      phi[i * n + j] = (above[j] as number) / Math.min(i + 1, j + 1);
    }
  }
  return phi;
}

/** At [k - 1]: ‖ΔW‖_F / ‖U_kᵀ W V_k‖_F, `of` being the directions of ΔW (rows, cols) and `norm` its own (section 7.3). */
export function amplification(norm: number, of: Directions, weight: Float32Array, rows: number, cols: number): Float64Array {
  const count = of.sigma.length;
  const turned = product(of.right, count, cols, Float64Array.from(weight), rows); // (k, rows): W v
  const inside = product(of.left, count, rows, turned, count);
  let sum = 0;
  return Float64Array.from({ length: count }, (_, k) => {
    for (let j = 0; j <= k; j++) sum += (inside[k * count + j] as number) ** 2 + (j < k ? (inside[j * count + k] as number) ** 2 : 0);
    return norm / Math.sqrt(sum);
  });
}

export const frobenius = (matrix: Float32Array): number => Math.sqrt(matrix.reduce((sum, value) => sum + value * value, 0));

/** a (m, d) · bᵀ, b being (n, d): (m, n). */
function product(a: Float64Array, m: number, d: number, b: Float64Array, n: number): Float64Array {
  const y = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < d; k++) sum += (a[i * d + k] as number) * (b[j * d + k] as number);
      y[i * n + j] = sum;
    }
  }
  return y;
}

/** xᵀx (n, n) of x (m, n). */
function gram(x: Float64Array, m: number, n: number): Float64Array {
  const columns = transposed(x, m, n);
  const y = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = i; j < n; j++) {
      let sum = 0;
      for (let k = 0; k < m; k++) sum += (columns[i * m + k] as number) * (columns[j * m + k] as number);
      y[i * n + j] = sum;
      y[j * n + i] = sum;
    }
  }
  return y;
}

function transposed(x: Float64Array, rows: number, cols: number): Float64Array {
  const y = new Float64Array(x.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) y[j * rows + i] = x[i * cols + j] as number;
  return y;
}

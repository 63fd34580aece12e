/** Position tables at another size: PyTorch's bicubic `interpolate` without align_corners, as a matrix. */

/** Keys' cubic convolution kernel (IEEE Trans. ASSP 29, 1981), for |x| < 2; its slope at 1 is `a`. */
function cubic(x: number, a: number): number {
  const t = Math.abs(x);
  if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
  return t < 2 ? a * (((t - 5) * t + 8) * t - 4) : 0;
}

/** Weights (from) of one target along one axis: four neighbours, beyond the edge the last one again; PyTorch's slope is −0.75. */
function plain(from: number, to: number, target: number): Float64Array {
  const at = ((target + 0.5) * from) / to - 0.5;
  const weights = new Float64Array(from);
  for (let i = Math.floor(at) - 1; i <= Math.floor(at) + 2; i++) {
    const inside = Math.min(Math.max(i, 0), from - 1);
    weights[inside] = (weights[inside] as number) + cubic(at - i, -0.75);
  }
  return weights;
}

/** With antialias: the kernel is as wide as a target where targets are fewer, is cut at the edge, sums to 1; slope −0.5, as Pillow. */
function smooth(from: number, to: number, target: number): Float64Array {
  const stretch = Math.max(1, from / to);
  const at = ((target + 0.5) * from) / to;
  const first = Math.max(0, Math.trunc(at - 2 * stretch + 0.5));
  const end = Math.min(from, Math.trunc(at + 2 * stretch + 0.5));
  const weights = Float64Array.from({ length: from }, (_, i) => (i < first || i >= end ? 0 : cubic((i + 0.5 - at) / stretch, -0.5)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * (1 + to², 1 + from²): times a table of a class token's row and from × from patches' rows, it gives the same row and to × to
 * others. transformers sets `antialias` for DINOv2 with registers only.
 */
export function resampling(from: number, to: number, antialias: boolean): Float32Array<ArrayBuffer> {
  const along = Array.from({ length: to }, (_, target) => (antialias ? smooth : plain)(from, to, target));
  const columns = 1 + from ** 2;
  const matrix = new Float32Array((1 + to ** 2) * columns);
  matrix[0] = 1;
  along.forEach((vertical, y) => {
    along.forEach((horizontal, x) => {
      const start = (1 + y * to + x) * columns + 1;
      vertical.forEach((v, row) => {
        if (v === 0) return;
        for (let column = 0; column < from; column++) matrix[start + row * from + column] = v * (horizontal[column] as number);
      });
    });
  });
  return matrix;
}

/** Linear CKA: how alike two models see the same inputs, up to rotation and scale (Kornblith et al. 2019, arXiv 1905.00414). In float64. */

/** (n, n): the inner products of the rows of x (n, width) about their mean. The mean changes nothing of what follows but its rounding. */
export function gramOf(x: ArrayLike<number>, n: number): Float64Array {
  const width = x.length / n;
  const centred = Float64Array.from(x);
  // What the rounding of the mean leaves of a constant is nothing.
  const dust = 1e-12 * centred.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (let j = 0; j < width; j++) {
    let mean = 0;
    for (let i = 0; i < n; i++) mean += (centred[i * width + j] as number) / n;
    for (let i = 0; i < n; i++) {
      const value = (centred[i * width + j] as number) - mean;
      centred[i * width + j] = Math.abs(value) <= dust ? 0 : value;
    }
  }
  const gram = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = i; k < n; k++) {
      let sum = 0;
      for (let j = 0; j < width; j++) sum += (centred[i * width + j] as number) * (centred[k * width + j] as number);
      gram[i * n + k] = sum;
      gram[k * n + i] = sum;
    }
  }
  return gram;
}

/**
 * HSIC₁ of two Gram matrices (n, n), the unbiased estimate of Song et al. 2012 (Nguyen et al. 2021, arXiv 2010.15327, average it over
 * batches; here one batch holds all). 0 on average for what is independent, however few the inputs. Throws for fewer than four.
 */
export function hsic(k: Float64Array, l: Float64Array, n: number): number {
  if (n < 4) throw new Error(`hsic: ${n} inputs are too few; four are needed`);
  let [trace, sumK, sumL, rows] = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    let [rowK, rowL] = [0, 0];
    for (let j = 0; j < n; j++) {
      if (i === j) continue;
      const [a, b] = [k[i * n + j] as number, l[i * n + j] as number];
      trace += a * b;
      rowK += a;
      rowL += b;
    }
    sumK += rowK;
    sumL += rowL;
    rows += rowK * rowL;
  }
  return (trace + (sumK * sumL) / ((n - 1) * (n - 2)) - (2 * rows) / (n - 2)) / (n * (n - 3));
}

/** (m, m): CKA of each pair of m Gram matrices (n, n). NaN where one of the two is constant or not finite. */
export function ckaTable(grams: readonly Float64Array[], n: number): Float64Array<ArrayBuffer> {
  const m = grams.length;
  const table = new Float64Array(m * m);
  const pair = (i: number, j: number) => hsic(grams[i] as Float64Array, grams[j] as Float64Array, n);
  const own = grams.map((_, i) => pair(i, i));
  for (let i = 0; i < m; i++) {
    for (let j = i; j < m; j++) {
      const [a, b] = [own[i] as number, own[j] as number];
      const value = a > 0 && b > 0 ? pair(i, j) / Math.sqrt(a * b) : Number.NaN;
      table[i * m + j] = value;
      table[j * m + i] = value;
    }
  }
  return table;
}

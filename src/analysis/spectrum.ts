/** The spectra of many layers as one: their mean on a log axis, and how far they spread. */

/** What counts as zero, as a share of σ₁, and where a log axis has it: float32 cannot tell less from nothing. */
export const FLOOR = 1e-8;

export interface MeanSpectrum {
  /** Of σᵢ / σ₁ over the layers that have an i-th direction: geometric mean, and the 10th and 90th percentile. */
  readonly mean: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Layers that went in: those with a finite update that is not zero. */
  readonly layers: number;
}

/** Undefined when no layer has a spectrum. `spectra` are descending singular values; zeros count as `FLOOR`. */
export function meanSpectrum(spectra: readonly ArrayLike<number>[]): MeanSpectrum | undefined {
  const shares = spectra.flatMap((sigma) => {
    const largest = sigma[0] ?? 0;
    return largest > 0 && Number.isFinite(largest) ? [Array.from(sigma, (s) => Math.max(FLOOR, s / largest))] : [];
  });
  if (shares.length === 0) return undefined;
  const length = Math.max(...shares.map((all) => all.length));
  const columns = Array.from({ length }, (_, i) =>
    shares.flatMap((all) => (i < all.length ? [all[i] as number] : [])).sort((a, b) => a - b),
  );
  return {
    mean: columns.map((column) => Math.exp(column.reduce((sum, share) => sum + Math.log(share), 0) / column.length)),
    low: columns.map((column) => quantile(column, 0.1)),
    high: columns.map((column) => quantile(column, 0.9)),
    layers: shares.length,
  };
}

/** Of ascending numbers, between neighbours linear as NumPy's default. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)] as number;
  return below + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] as number) - below);
}

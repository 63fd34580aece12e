/** How well classes keep together: whether an image's nearest neighbours are of its class. */

/** Neighbours that vote. */
export const VOTERS = 5;

/**
 * Share of the rows of `x` (labels, width) whose class most of their five nearest other rows have, by cosine; of equally many votes,
 * those of the nearest count. Fewer vote where there are fewer rows. NaN for a single row.
 */
export function neighbourAccuracy(
  x: Float32Array,
  width: number,
  labels: Uint32Array,
  onProgress: (share: number) => void = () => undefined,
): number {
  const rows = labels.length;
  if (x.length !== rows * width) throw new Error(`neighbourAccuracy: ${x.length} numbers are not (${rows}, ${width}).`);
  if (rows < 2) return Number.NaN;
  const unit = new Float32Array(x.length);
  for (let row = 0; row < rows; row++) {
    const own = x.subarray(row * width, (row + 1) * width);
    const length = Math.hypot(...own);
    unit.set(length > 0 ? own.map((value) => value / length) : own, row * width);
  }
  let right = 0;
  for (let row = 0; row < rows; row++) {
    if (votedClass(unit, width, labels, row) === labels[row]) right++;
    if (row % 64 === 0) onProgress(row / rows);
  }
  return right / rows;
}

function votedClass(unit: Float32Array, width: number, labels: Uint32Array, row: number): number {
  const nearest: { readonly label: number; readonly cosine: number }[] = [];
  for (let other = 0; other < labels.length; other++) {
    if (other === row) continue;
    let cosine = 0;
    for (let i = 0; i < width; i++) cosine += (unit[row * width + i] as number) * (unit[other * width + i] as number);
    const last = nearest.at(-1);
    if (nearest.length === VOTERS && last && cosine <= last.cosine) continue;
    const at = nearest.findIndex((known) => cosine > known.cosine);
    nearest.splice(at < 0 ? nearest.length : at, 0, { label: labels[other] as number, cosine });
    nearest.length = Math.min(nearest.length, VOTERS);
  }
  const votes = new Map<number, number>();
  for (const { label } of nearest) votes.set(label, (votes.get(label) ?? 0) + 1);
  // The map goes from the nearest on, and the sort keeps that order among equals.
  return [...votes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? -1;
}

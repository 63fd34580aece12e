/** Loss curves outside React state: ring buffers that keep the newest steps and hand out a few hundred points, spikes included. */

/** A point of a chart; `null` where a lane has no number, which the chart draws as a gap. */
export interface CurvePoint {
  readonly step: number;
  readonly raw: readonly (number | null)[];
  readonly smooth: readonly (number | null)[];
}

/** Weight of the past in the smoothed curve. */
const MEMORY = 0.92;
const POINTS = 400;

/**
 * Indices to draw, ascending, at most `limit`: the least and the greatest of every column in every bucket, so that no
 * spike is lost, and both ends.
 */
export function decimate(length: number, columns: readonly ((index: number) => number)[], limit: number): number[] {
  if (length <= limit) return Array.from({ length }, (_, index) => index);
  const buckets = Math.max(1, Math.floor((limit - 2) / (2 * Math.max(1, columns.length))));
  const kept = new Set([0, length - 1]);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = Math.floor((bucket * length) / buckets);
    const to = Math.floor(((bucket + 1) * length) / buckets);
    for (const value of columns) {
      let least = from;
      let greatest = from;
      for (let index = from + 1; index < to; index++) {
        if (value(index) < value(least) || Number.isNaN(value(least))) least = index;
        if (value(index) > value(greatest) || Number.isNaN(value(greatest))) greatest = index;
      }
      kept.add(least).add(greatest);
    }
  }
  return [...kept].sort((a, b) => a - b);
}

export class Series {
  readonly lanes: number;
  readonly capacity: number;
  readonly #steps: Float64Array;
  readonly #raw: Float32Array[];
  readonly #smooth: Float32Array[];
  readonly #sums: Float64Array;
  readonly #weights: Float64Array;
  #count = 0;

  constructor(lanes: number, capacity = 1 << 16) {
    this.lanes = lanes;
    this.capacity = capacity;
    this.#steps = new Float64Array(capacity);
    this.#raw = Array.from({ length: lanes }, () => new Float32Array(capacity));
    this.#smooth = Array.from({ length: lanes }, () => new Float32Array(capacity));
    this.#sums = new Float64Array(lanes);
    this.#weights = new Float64Array(lanes);
  }

  get length(): number {
    return Math.min(this.#count, this.capacity);
  }

  /** `losses[lane]` of one step. */
  push(step: number, losses: readonly number[]): void {
    const slot = this.#count % this.capacity;
    this.#steps[slot] = step;
    for (let lane = 0; lane < this.lanes; lane++) {
      const loss = losses[lane] ?? Number.NaN;
      this.#raw[lane]![slot] = loss;
      if (Number.isFinite(loss)) {
        // Divided by the sum of the weights, so that the first points are not pulled towards zero.
        this.#sums[lane] = MEMORY * this.#sums[lane]! + loss;
        this.#weights[lane] = MEMORY * this.#weights[lane]! + 1;
      }
      this.#smooth[lane]![slot] = Number.isFinite(loss) ? this.#sums[lane]! / this.#weights[lane]! : Number.NaN;
    }
    this.#count++;
  }

  points(limit = POINTS): CurvePoint[] {
    const start = this.#count - this.length;
    const slot = (index: number) => (start + index) % this.capacity;
    const at = (index: number, column: Float32Array) => {
      const value = column[slot(index)]!;
      return Number.isFinite(value) ? value : null;
    };
    const columns = this.#raw.map((raw) => (index: number) => raw[slot(index)]!);
    return decimate(this.length, columns, limit).map((index) => ({
      step: this.#steps[slot(index)]!,
      raw: this.#raw.map((raw) => at(index, raw)),
      smooth: this.#smooth.map((smooth) => at(index, smooth)),
    }));
  }
}

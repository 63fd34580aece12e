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

/** One run's values at its steps, both in their order. */
export interface Line {
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

/** What several lines have at a step: their mean, and how far they spread. */
export interface BandPoint {
  readonly step: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** So many lines and more have a standard deviation; fewer their least and greatest. */
export const DEVIATION_FROM = 5;
const BAND_POINTS = 160;

/** Mean and band of several lines wherever all of them are, each straight between its points: runs are thinned and measured at different steps. */
export function bandOf(lines: readonly Line[], limit = BAND_POINTS): readonly BandPoint[] {
  if (lines.length === 0 || lines.some(({ steps }) => steps.length === 0)) return [];
  const from = Math.max(...lines.map(({ steps }) => steps[0] ?? 0));
  const to = Math.min(...lines.map(({ steps }) => steps.at(-1) ?? 0));
  const all = [...new Set(lines.flatMap(({ steps }) => steps))].filter((step) => step >= from && step <= to).sort((a, b) => a - b);
  const stride = Math.max(1, Math.ceil(all.length / limit));
  const readers = lines.map(readerOf);
  return all
    .filter((_, index) => index % stride === 0 || index === all.length - 1)
    .map((step) => {
      const values = readers.map((at) => at(step));
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      if (values.length < DEVIATION_FROM) return { step, mean, low: Math.min(...values), high: Math.max(...values) };
      const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
      return { step, mean, low: mean - spread, high: mean + spread };
    });
}

/** Of a line, at steps that only grow. */
function readerOf({ steps, values }: Line): (step: number) => number {
  let at = 0;
  return (step) => {
    while (at < steps.length - 2 && (steps[at + 1] as number) < step) at++;
    const [left, right] = [steps[at] as number, steps[at + 1] ?? (steps[at] as number)];
    const [first, last] = [values[at] as number, values[at + 1] ?? (values[at] as number)];
    return right === left ? first : first + ((last - first) * (step - left)) / (right - left);
  };
}

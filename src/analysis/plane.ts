/** The plane through three points of weight space, in which distances are distances of weights (Garipov et al. 2018, arXiv 1802.10026). */

export type Point = readonly [x: number, y: number];
/** Shares of the three points; they add up to 1 on the plane. */
export type Shares = readonly [a: number, b: number, c: number];

export interface Plane {
  /** The three points: the first at the origin, the second on the x axis, the third above it. */
  readonly points: readonly [Point, Point, Point];
  /** Where the zero of the space lies above or below the plane: its projection, and its distance from it. */
  readonly foot: Point;
  readonly away: number;
  /** The points lie on a line, or on one another: they span no plane. */
  readonly flat: boolean;
}

/** Thinner triangles than this, height to base, are lines up to float32's rounding. */
const THIN = 1e-4;

/** From the inner products (3, 3) of the three points, which may have any number of dimensions. An orthonormal basis by Gram and Schmidt. */
export function planeOf(products: ArrayLike<number>): Plane {
  const g = (i: number, j: number) => products[3 * i + j] as number;
  // u = B − A and v = C − A; products with −A give the zero's place.
  const [uu, vv, uv] = [g(1, 1) - 2 * g(0, 1) + g(0, 0), g(2, 2) - 2 * g(0, 2) + g(0, 0), g(1, 2) - g(0, 1) - g(0, 2) + g(0, 0)];
  const [ou, ov] = [g(0, 0) - g(0, 1), g(0, 0) - g(0, 2)];
  const base = Math.sqrt(Math.max(0, uu));
  const x = base > 0 ? uv / base : 0;
  const height = Math.sqrt(Math.max(0, vv - x * x));
  const flat = !(height > THIN * Math.max(base, Math.abs(x)) && base > THIN * height);
  const footX = base > 0 ? ou / base : 0;
  const footY = height > 0 ? (ov - footX * x) / height : 0;
  return {
    points: [
      [0, 0],
      [base, 0],
      [x, height],
    ],
    foot: [footX, footY],
    away: Math.sqrt(Math.max(0, g(0, 0) - footX ** 2 - footY ** 2)),
    flat,
  };
}

/** The shares of the three points at a place on the plane. */
export function sharesAt({ points: [, [base], [x, height]] }: Pick<Plane, "points">, [px, py]: Point): Shares {
  const c = py / height;
  const b = (px - c * x) / base;
  return [1 - b - c, b, c];
}

/** A net of places on the plane, `columns` × `rows`, `step` apart, from its lower left corner. */
export interface Net {
  readonly left: number;
  readonly low: number;
  readonly step: number;
  readonly columns: number;
  readonly rows: number;
}

/** The coarsest of the passes in which a net is measured; each next one halves it. */
export const COARSEST = 8;
/** How far the net reaches beyond what it must hold, as a share of its longer side. */
const MARGIN = 0.35;

/** Around the three points and the foot of the zero, with square meshes and 25 of them along the longer side. */
export function netAround({ points, foot }: Plane): Net {
  const all = [...points, foot];
  const ends = (axis: 0 | 1) => [Math.min(...all.map((point) => point[axis])), Math.max(...all.map((point) => point[axis]))] as const;
  const [[left, right], [low, high]] = [ends(0), ends(1)];
  const longer = Math.max(right - left, high - low);
  const step = (longer * (1 + 2 * MARGIN)) / (3 * COARSEST);
  const meshes = (extent: number) => COARSEST * Math.min(3, Math.ceil((extent + longer * MARGIN) / step / COARSEST));
  const [across, up] = [meshes(right - left), meshes(high - low)];
  return {
    left: (left + right - across * step) / 2,
    low: (low + high - up * step) / 2,
    step,
    columns: across + 1,
    rows: up + 1,
  };
}

/** Indices (row · columns + column) of a net from coarse to fine, so that something is to be seen at once. */
export function coarseFirst({ columns, rows }: Pick<Net, "columns" | "rows">): number[] {
  const order = new Set<number>();
  for (let stride = COARSEST; stride >= 1; stride /= 2)
    for (let row = 0; row < rows; row += stride) for (let column = 0; column < columns; column += stride) order.add(row * columns + column);
  return [...order];
}

/** The finest stride at which all of a net is known; undefined when not even the coarsest pass is complete. */
export function completeStride({ columns, rows }: Pick<Net, "columns" | "rows">, isKnown: (index: number) => boolean): number | undefined {
  let complete: number | undefined;
  for (let stride = COARSEST; stride >= 1; stride /= 2) {
    for (let row = 0; row < rows; row += stride)
      for (let column = 0; column < columns; column += stride) if (!isKnown(row * columns + column)) return complete;
    complete = stride;
  }
  return complete;
}

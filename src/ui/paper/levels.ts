/** Contour lines of a loss surface: marching squares by d3-contour, on what is measured so far. */
import { contours } from "d3-contour";
import { COARSEST, completeStride } from "../../analysis/plane.ts";
import type { Surface } from "../../store/paperplane.ts";

export type Shown = "loss" | "accuracy";
type Place = readonly [x: number, y: number];

export interface Level {
  readonly value: number;
  /** In meshes of the net, from its lower left corner; without the net's own border. */
  readonly lines: readonly (readonly Place[])[];
}

/** Losses differ by decades, so they are drawn by their logarithm. NaN for what is not finite. */
export function toneOf(value: number | undefined, shown: Shown): number {
  if (value === undefined || !Number.isFinite(value)) return Number.NaN;
  return shown === "loss" ? Math.log10(Math.max(1e-6, value)) : value;
}

/** The tone at a place, or of the nearest coarser one that is measured; NaN where there is none or it is not finite. */
export function toneAt({ net, heights }: Surface, row: number, column: number, shown: Shown): number {
  for (let stride = 1; stride <= COARSEST; stride *= 2) {
    const [r, c] = [Math.round(row / stride) * stride, Math.round(column / stride) * stride];
    const height = r < net.rows && c < net.columns ? heights[r * net.columns + c] : null;
    if (height) return toneOf(height[shown], shown);
  }
  return Number.NaN;
}

/** The least and the greatest finite tone; [0, 1] while there is none. */
export function toneRange({ heights }: Surface, shown: Shown): readonly [number, number] {
  const tones = heights.map((height) => toneOf(height?.[shown], shown)).filter(Number.isFinite);
  if (tones.length === 0) return [0, 1];
  return [Math.min(...tones), Math.max(...tones)];
}

const LEVELS = 9;

/** Levels between the extremes, evenly in the tone. None before the coarsest pass is complete. */
export function levelsOf(surface: Surface, shown: Shown): readonly Level[] {
  const { net, heights } = surface;
  const stride = completeStride(net, (index) => heights[index] !== null);
  if (stride === undefined) return [];
  const [columns, rows] = [(net.columns - 1) / stride + 1, (net.rows - 1) / stride + 1];
  const tones = Array.from({ length: columns * rows }, (_, i) => {
    const at = Math.floor(i / columns) * stride * net.columns + (i % columns) * stride;
    return toneOf(heights[at]?.[shown], shown);
  });
  const finite = tones.filter(Number.isFinite);
  const [least, most] = [Math.min(...finite), Math.max(...finite)];
  if (!(most > least)) return [];
  const thresholds = Array.from({ length: LEVELS }, (_, i) => least + ((i + 1) * (most - least)) / (LEVELS + 1));
  const onBorder = ([x, y]: readonly number[]) => x === 0 || y === 0 || x === columns || y === rows;
  return contours()
    .size([columns, rows])
    .thresholds(thresholds)(tones)
    .map(({ value, coordinates }) => ({
      value: shown === "loss" ? 10 ** value : value,
      lines: coordinates.flat().flatMap((ring) => {
        const lines: Place[][] = [[]];
        ring.forEach((place, i) => {
          // d3-contour closes rings along the border, which is no contour; its places lie half a mesh off.
          const next = ring[i + 1];
          const [x, y] = place as [number, number];
          if (!onBorder(place)) lines.at(-1)?.push([(x - 0.5) * stride, (y - 0.5) * stride]);
          if (next && onBorder(place) && (lines.at(-1)?.length ?? 0) > 0) lines.push([]);
        });
        return lines.filter(({ length }) => length > 1);
      }),
    }));
}

/** The value of a tone, for people. */
export const writeTone = (tone: number, shown: Shown): string =>
  !Number.isFinite(tone)
    ? "not a number"
    : shown === "loss"
      ? Number((10 ** tone).toPrecision(3)).toString()
      : `${(100 * tone).toFixed(1)} %`;

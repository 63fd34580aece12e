/** Names at the ends of lines, moved apart where the lines meet. */
import { usePlotArea, useXAxisScale, useYAxisScale } from "recharts";
import { useRem } from "../parts/rem.ts";

export interface EndLabel {
  /** Of its line: two may have one name. */
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly x: number;
  readonly y: number;
}

/** Beside a chart for the longest of the names, in pixels. */
export function labelRoom(lines: readonly { readonly name: string }[], rem: number): number {
  return (0.7 + 0.52 * Math.max(0, ...lines.map(({ name }) => name.length))) * rem;
}

export function EndLabels({ labels }: { readonly labels: readonly EndLabel[] }) {
  const rem = useRem();
  const plot = usePlotArea();
  const toX = useXAxisScale();
  const toY = useYAxisScale();
  if (!plot || !toX || !toY) return null;
  const placed = labels.map((label) => ({ ...label, px: toX(label.x) ?? plot.x, py: toY(label.y) ?? plot.y })).sort((a, b) => a.py - b.py);
  const heights = spread(
    placed.map(({ py }) => py),
    0.85 * rem,
    plot.y,
    plot.y + plot.height - 0.5 * rem,
  );
  return (
    <g className="end-labels">
      {placed.map(({ id, name, color, px }, index) => (
        <text key={id} x={px + 0.4 * rem} y={heights[index]} fill={color} dominantBaseline="central">
          {name}
        </text>
      ))}
    </g>
  );
}

/** Ascending positions at least `gap` apart and within the bounds, as near to the wanted ones as a sweep each way gets. */
export function spread(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const placed = wanted.map((position) => Math.min(high, Math.max(low, position)));
  for (let i = 1; i < placed.length; i++) {
    const overlap = placed[i - 1]! + gap - placed[i]!;
    if (overlap > 0) {
      placed[i - 1] = placed[i - 1]! - overlap / 2;
      placed[i] = placed[i]! + overlap / 2;
    }
  }
  for (let i = 0; i < placed.length; i++) placed[i] = Math.max(placed[i]!, i === 0 ? low : placed[i - 1]! + gap);
  for (let i = placed.length - 1; i >= 0; i--) {
    placed[i] = Math.min(placed[i]!, i === placed.length - 1 ? high : placed[i + 1]! - gap);
  }
  return placed;
}

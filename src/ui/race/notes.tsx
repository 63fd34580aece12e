/** What the spectrum's lines say, written on them: the wall where one stops, the name where one runs on. */
import { usePlotArea, useXAxisScale, useYAxisScale } from "recharts";
import { useRem } from "../parts/rem.ts";
import { spread } from "./labels.tsx";
import type { Spectrum } from "./wall.ts";

export function Notes({ spectra }: { readonly spectra: readonly Spectrum[] }) {
  const rem = useRem();
  const plot = usePlotArea();
  const toX = useXAxisScale();
  const toY = useYAxisScale();
  if (!plot || !toX || !toY) return null;
  const x = (direction: number) => toX(direction) ?? plot.x;
  const y = (value: number) => toY(value) ?? plot.y;
  const walled = spectra.filter(({ wall, values }) => wall < values.length);
  const open = spectra.filter(({ wall, values }) => wall === values.length).sort((a, b) => (b.values.at(-1) ?? 0) - (a.values.at(-1) ?? 0));
  const heights = spread(
    open.map(({ values }) => y(values.at(-1) ?? 1)),
    1.9 * rem,
    plot.y,
    // Each is of two lines, and the last one stands above the axis's numbers.
    plot.y + plot.height - 1.1 * rem,
  );
  return (
    <g className="notes">
      {walled.map(({ label, name, color, wall, values }, index) => {
        const left = x(wall + 1) + 0.6 * rem;
        const alone = walled.length === 1;
        const top = y(alone ? 1e-4 : 1e-3) + index * 1.1 * rem;
        const rest = `${name} is zero in the other ${values.length - wall} directions`;
        const fits = left + 0.42 * rem * rest.length < plot.x + plot.width + 4.5 * rem;
        return (
          <g key={name}>
            <text x={left} y={top} fill={color} className="strong">
              {`${label.endsWith(` r ${wall}`) ? `r = ${wall}` : `${name}, rank ${wall}`}: the wall`}
            </text>
            {alone && (
              <text x={left} y={top + rem} fill={color}>
                {fits ? rest : `the other ${values.length - wall} are zero`}
              </text>
            )}
          </g>
        );
      })}
      {open.map(({ name, color, values }, index) => (
        <g key={name} fill={color}>
          <text x={x(values.length) + 0.4 * rem} y={heights[index]} dominantBaseline="central" className="strong">
            {name}
          </text>
          <text x={x(values.length) + 0.4 * rem} y={(heights[index] ?? 0) + 0.9 * rem} dominantBaseline="central">
            all {values.length}
          </text>
        </g>
      ))}
    </g>
  );
}

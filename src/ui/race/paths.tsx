/** The lines themselves, one path each: the chart library's own would take most of every update. */
import { useXAxisScale, useYAxisScale } from "recharts";
import { useRem } from "../parts/rem.ts";
import type { Curve, Row } from "./curves.tsx";

interface Props<R extends Row> {
  readonly rows: readonly R[];
  readonly curves: readonly Curve<R>[];
}

interface Point {
  readonly x: number;
  readonly y: number;
}

export function Paths<R extends Row>({ rows, curves }: Props<R>) {
  const rem = useRem();
  const toX = useXAxisScale();
  const toY = useYAxisScale();
  if (!toX || !toY) return null;
  const place = ({ step }: R, value: number): Point => ({ x: toX(step) ?? 0, y: toY(value) ?? 0 });
  const areaAt = (range: readonly [number, number] | null, row: R) => range && ([place(row, range[0]), place(row, range[1])] as const);
  return (
    <g fill="none" strokeLinejoin="round">
      {curves.map(({ id, range, color }) => range && <Area key={id} points={rows.map((row) => areaAt(range(row), row))} color={color} />)}
      {curves.map(({ id, value, color, dash, look }) => {
        const values = rows.map((row) => ({ row, value: value(row) }));
        const known = values.flatMap(({ row, value }) => (value === null ? [] : [place(row, value)]));
        if (look === "mean" || look === "thin") {
          const thin = look === "thin";
          return (
            <path
              key={id}
              d={pathOf(known)}
              stroke={color}
              strokeWidth={(thin ? 0.06 : 0.13) * rem}
              strokeOpacity={thin ? 0.65 : 1}
              strokeDasharray={dash}
            />
          );
        }
        if (look === "faint" || look === "strong") {
          const points = values.map(({ row, value }) => (value === null ? null : place(row, value)));
          const faint = look === "faint";
          return (
            <path
              key={id}
              d={pathOf(points)}
              stroke={color}
              strokeWidth={(faint ? 0.06 : 0.13) * rem}
              strokeOpacity={faint ? 0.28 : 1}
              strokeDasharray={faint ? "none" : dash}
            />
          );
        }
        return (
          <g key={id} stroke={color} strokeWidth={0.12 * rem}>
            {look === "line" && <path d={pathOf(known)} strokeDasharray={dash} />}
            {known.map(({ x, y }) => (
              <circle key={x} cx={x} cy={y} r={0.13 * rem} fill="var(--panel)" />
            ))}
          </g>
        );
      })}
    </g>
  );
}

/** What lies between the two edges of a band, on and back. */
function Area({ points, color }: { readonly points: readonly (readonly [Point, Point] | null)[]; readonly color: string }) {
  const known = points.filter((point) => point !== null);
  const edge = [...known.map(([low]) => low), ...known.map(([, high]) => high).reverse()];
  return edge.length === 0 ? null : <path d={`${pathOf(edge)}Z`} fill={color} fillOpacity={0.16} />;
}

/** A gap where there is no number. */
function pathOf(points: readonly (Point | null)[]): string {
  let pen = "M";
  let path = "";
  for (const point of points) {
    if (point) path += `${pen}${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
    pen = point ? "L" : "M";
  }
  return path;
}

/** The loss surface from above: colours, contour lines, the three solutions and where W₀ lies below. */
import { useMemo } from "react";
import { sharesAt } from "../../analysis/plane.ts";
import type { Surface } from "../../store/paperplane.ts";
import { plain } from "../numbers.ts";
import { Heat, Scale } from "./heat.tsx";
import { levelsOf, type Shown, toneAt, toneOf, toneRange, writeTone } from "./levels.ts";

export interface Vertex {
  readonly name: string;
  readonly color: string;
}

interface Props {
  readonly surface: Surface;
  readonly vertices: readonly Vertex[];
  readonly shown: Shown;
}

export function SurfaceMap({ surface, vertices, shown }: Props) {
  const { net, heights, plane } = surface;
  const levels = useMemo(() => levelsOf(surface, shown), [surface, shown]);
  const [least, most] = toneRange(surface, shown);
  const upwards = (row: number) => net.rows - 1 - row;
  const place = ([x, y]: readonly [number, number]) => ({
    left: `${(100 * ((x - net.left) / net.step + 0.5)) / net.columns}%`,
    bottom: `${(100 * ((y - net.low) / net.step + 0.5)) / net.rows}%`,
  });
  const describe = (row: number, column: number) => {
    const shares = sharesAt(plane, [net.left + net.step * column, net.low + net.step * upwards(row)]);
    const height = heights[upwards(row) * net.columns + column];
    const where = shares.map((share, at) => `${vertices[at]?.name} ${share.toFixed(2)}`).join(", ");
    return `${where}: ${height ? `loss ${writeTone(toneOf(height.loss, "loss"), "loss")}, accuracy ${writeTone(height.accuracy, "accuracy")}` : "not measured yet"}`;
  };
  return (
    <div className="surface-map">
      <Heat
        label={`${shown === "loss" ? "Loss" : "Accuracy"} on the plane through ${vertices.map(({ name }) => name).join(", ")}`}
        rows={net.rows}
        columns={net.columns}
        value={(row, column) => toneAt(surface, upwards(row), column, shown)}
        least={least}
        most={most}
        describe={describe}
      >
        <svg viewBox={`0 0 ${net.columns} ${net.rows}`} preserveAspectRatio="none" aria-hidden="true">
          {levels.map(({ value, lines }) => (
            <path
              key={value}
              d={lines
                .map((line) => `M${line.map(([x, y]) => `${(x + 0.5).toFixed(2)} ${(net.rows - y - 0.5).toFixed(2)}`).join("L")}`)
                .join("")}
            />
          ))}
        </svg>
        {levels.map(({ value, lines }) => {
          const longest = lines.reduce<readonly (readonly [number, number])[]>(
            (best, line) => (line.length > best.length ? line : best),
            [],
          );
          const middle = longest[Math.floor(longest.length / 2)];
          return middle && longest.length > 6 ? (
            <span
              key={value}
              className="level"
              aria-hidden="true"
              style={{ left: `${(100 * (middle[0] + 0.5)) / net.columns}%`, bottom: `${(100 * (middle[1] + 0.5)) / net.rows}%` }}
            >
              {shown === "loss" ? plain(Number(value.toPrecision(3))) : `${(100 * value).toFixed(0)} %`}
            </span>
          ) : null;
        })}
        {[...plane.points, plane.foot].map((point, at) => (
          <span key={["A", "B", "C", "W0"][at]} className={at < 3 ? "solution" : "solution foot"} style={place(point)}>
            <i style={{ background: vertices[at]?.color ?? "transparent" }} />
            {vertices[at]?.name ?? "W₀, below"}
          </span>
        ))}
      </Heat>
      <Scale least={writeTone(least, shown)} most={writeTone(most, shown)} none="not measured, or not a number" />
    </div>
  );
}

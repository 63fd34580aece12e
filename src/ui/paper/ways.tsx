/** The loss along the straight ways between three solutions. */
import { memo } from "react";
import { CartesianGrid, Line, LineChart, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { profileOf, type Surface } from "../../store/paperplane.ts";
import { percent } from "../numbers.ts";
import { Reading } from "../parts/reading.tsx";
import { useRem } from "../parts/rem.ts";
import type { Shown } from "./levels.ts";
import type { Vertex } from "./map.tsx";

interface Props extends Pick<Surface, "corners" | "ways"> {
  readonly vertices: readonly Vertex[];
  readonly shown: Shown;
}

/** Apart from the surface's other places, which come many times a second. */
export const Ways = memo(function Ways({ corners, ways, vertices, shown }: Props) {
  const rem = useRem();
  const rows = profileOf({ corners, ways }).map(({ at, height }) => ({
    at,
    value: height && Number.isFinite(height[shown]) ? height[shown] : null,
  }));
  const round = [...vertices.slice(0, 3), vertices[0]];
  const write = (value: number) => (shown === "loss" ? value.toFixed(2) : percent(value, 0));
  return (
    <div className="chart">
      <ResponsiveContainer width="100%" height="100%">
        <LineChart data={rows} title={`${shown} between the solutions`} margin={{ top: 0.5 * rem, right: 3 * rem, bottom: 0, left: 0 }}>
          <CartesianGrid vertical={false} stroke="var(--grid)" />
          <XAxis
            dataKey="at"
            type="number"
            domain={[0, 3]}
            ticks={[0, 1, 2, 3]}
            tickFormatter={(at: number) => round[at]?.name ?? ""}
            interval={0}
            height={1.5 * rem}
            stroke="var(--axis)"
            tickLine={false}
          />
          <YAxis domain={["auto", "auto"]} width={3.1 * rem} tickFormatter={write} axisLine={false} tickLine={false} />
          {[1, 2].map((at) => (
            <ReferenceLine key={at} x={at} stroke="var(--axis)" strokeDasharray="1 3" />
          ))}
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: "var(--axis)" }}
            content={({ active, label }) => {
              const at = Number(label);
              const row = rows.find((one) => one.at === at);
              const [from, to] = [Math.min(2, Math.floor(at)), Math.min(2, Math.floor(at)) + 1];
              return active && row ? (
                <Reading
                  at={`${percent(at - from, 0)} of the way from ${round[from]?.name} to ${round[to]?.name}`}
                  of={[{ id: shown, name: shown, value: row.value === null ? "none" : write(row.value) }]}
                />
              ) : null;
            }}
          />
          <Line dataKey="value" stroke="var(--ink)" strokeWidth={0.12 * rem} dot={false} isAnimationActive={false} />
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
});

/** Singular values as shares of the largest on a log axis, direction by direction: a line for each update, and what is said of them. */
import type { ReactNode } from "react";
import { CartesianGrid, ComposedChart, Line, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { FLOOR } from "../../analysis/spectrum.ts";
import type { Look } from "../look.ts";
import { Reading } from "../parts/reading.tsx";
import { useRem } from "../parts/rem.ts";
import { labelRoom } from "./labels.tsx";

/** An update's line. */
export interface Falling extends Look {
  /** σ / σ₁ by direction, `FLOOR` for zero. */
  readonly values: readonly number[];
  /** Of full fine-tuning, which the others imitate: drawn thin. */
  readonly truth: boolean;
}

interface Props<L extends Falling> {
  readonly title: string;
  readonly lines: readonly L[];
  /** What is read off a line at a direction, from 0. */
  readonly tell: (line: L, direction: number) => string;
  /** Drawn behind the lines. */
  readonly behind?: ReactNode;
  /** Written over them. */
  readonly children: ReactNode;
}

/** What a chart's row is: directions are counted from 1. */
export interface Row {
  readonly direction: number;
}

const TICKS = [1, 1e-2, 1e-4, 1e-6, FLOOR];

export function Directions<L extends Falling>({ title, lines, tell, behind, children }: Props<L>) {
  const rem = useRem();
  const length = Math.max(...lines.map(({ values }) => values.length));
  const rows = Array.from({ length }, (_, index): Row => ({ direction: index + 1 }));
  return (
    <div className="chart">
      <ResponsiveContainer width="100%" height="100%">
        <ComposedChart data={rows} title={title} margin={{ top: 0.5 * rem, right: labelRoom(lines, rem), bottom: 0, left: 0 }}>
          <CartesianGrid vertical={false} stroke="var(--grid)" />
          <XAxis
            dataKey="direction"
            type="number"
            domain={[1, length]}
            ticks={ticksTo(length)}
            height={1.5 * rem}
            tickMargin={0.25 * rem}
            stroke="var(--axis)"
            tickLine={false}
          />
          <YAxis
            scale="log"
            domain={[FLOOR, 1]}
            ticks={TICKS}
            width={3.1 * rem}
            tickMargin={0.25 * rem}
            tickFormatter={writeTick}
            axisLine={false}
            tickLine={false}
            allowDataOverflow
            interval={0}
          />
          <ReferenceLine y={0.01} stroke="var(--axis)" strokeDasharray="1 3" />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: "var(--axis)" }}
            content={({ active, label }) =>
              active ? (
                <Reading
                  at={`direction ${label}`}
                  of={lines.map((line) => ({ ...line, id: line.name, value: tell(line, Number(label) - 1) }))}
                />
              ) : null
            }
          />
          {behind}
          {lines.map(({ name, color, dash, values, truth }) => (
            <Line
              key={name}
              name={name}
              dataKey={({ direction }: Row) => values[direction - 1] ?? null}
              stroke={color}
              strokeWidth={(truth ? 0.08 : 0.16) * rem}
              strokeDasharray={dash}
              strokeLinejoin="round"
              dot={false}
              activeDot={{ r: 0.22 * rem }}
              isAnimationActive={false}
            />
          ))}
          {children}
        </ComposedChart>
      </ResponsiveContainer>
    </div>
  );
}

/** The first direction and the quarters, each once where there are few. */
function ticksTo(length: number): number[] {
  return [...new Set([1, ...[0.25, 0.5, 0.75, 1].map((share) => Math.max(1, Math.round(share * length)))])];
}

function writeTick(value: number): string {
  if (value <= FLOOR) return "0";
  return value === 1 ? "σ₁" : `${["", "", "1 %", "", "10⁻⁴", "", "10⁻⁶"][Math.round(-Math.log10(value))]}`;
}

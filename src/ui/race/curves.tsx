/** Lines over steps with labels at their ends, a quiet grid and a crosshair shared with the other charts of the race. */
import { useMemo } from "react";
import { CartesianGrid, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { count } from "../numbers.ts";
import { type Read, Reading } from "../parts/reading.tsx";
import { useRem } from "../parts/rem.ts";
import { EndLabels, labelRoom } from "./labels.tsx";
import { Paths } from "./paths.tsx";

export interface Row {
  readonly step: number;
}

export interface Curve<R extends Row> {
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly dash: string;
  /** Raw values lie faint behind their smoothed line; "line" joins its dots, "mean" and "thin" what points they have. */
  readonly look: "faint" | "strong" | "dots" | "line" | "mean" | "thin";
  readonly value: (row: R) => number | null;
  /** Least and greatest around it, filled in palely. */
  readonly range?: (row: R) => readonly [number, number] | null;
  /** At the line's end. */
  readonly labelled: boolean;
}

export interface Props<R extends Row> {
  readonly label: string;
  readonly rows: readonly R[];
  readonly curves: readonly Curve<R>[];
  readonly steps: number;
  /** Of the y axis; without it the greatest value decides. */
  readonly top?: number;
  /** `step`: of the axis, for its ticks. */
  readonly write: (value: number, step?: number) => string;
  /** Its crosshair is its own: it stands beside no race. */
  readonly alone?: boolean;
}

export function Curves<R extends Row>({ label, rows, curves, steps, top, write, alone = false }: Props<R>) {
  const rem = useRem();
  const labelled = curves.filter((curve) => curve.labelled);
  const peak = peakOf(top ?? greatest(rows, curves));
  const room = labelRoom(labelled, rem);
  const data = useMemo(() => [...rows], [rows]);
  const margin = useMemo(() => ({ top: 0.5 * rem, right: room, bottom: 0, left: 0 }), [rem, room]);
  // The library works everything out anew where an axis is another object: with each batch it is the same one.
  const axes = useMemo(() => <Axes steps={steps} peak={peak} write={write} />, [steps, peak, write]);
  return (
    <div className="chart">
      <ResponsiveContainer width="100%" height="100%">
        <LineChart data={data} {...(!alone && { syncId: "race" })} syncMethod={nearestTick} title={label} margin={margin}>
          {axes}
          <Tooltip
            isAnimationActive={false}
            cursor={CURSOR}
            content={({ active, payload }) => {
              const row = (payload[0] as { payload?: R } | undefined)?.payload;
              return active && row ? (
                <Reading at={`step ${count(row.step)}`} of={curves.flatMap((curve) => readOf(curve, row, write))} />
              ) : null;
            }}
          />
          {UNSEEN}
          <Paths rows={rows} curves={curves} />
          <EndLabels labels={labelled.flatMap((curve) => endOf(curve, rows))} />
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
}

const CURSOR = { stroke: "var(--axis)" };
const onAxis = () => 0;
/** The crosshair wants a line of the library's own. */
const UNSEEN = <Line dataKey={onAxis} stroke="none" dot={false} activeDot={false} isAnimationActive={false} />;

function Axes({ steps, peak, write }: Pick<Props<Row>, "steps" | "write"> & { readonly peak: number }) {
  const rem = useRem();
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * peak);
  return (
    <>
      <CartesianGrid vertical={false} stroke="var(--grid)" />
      <XAxis
        dataKey="step"
        type="number"
        domain={[0, steps]}
        ticks={roundSteps(steps)}
        height={1.5 * rem}
        tickMargin={0.25 * rem}
        tickFormatter={(step: number) => count(step)}
        stroke="var(--axis)"
        tickLine={false}
      />
      <YAxis
        domain={[0, peak]}
        ticks={ticks}
        interval={0}
        width={3.1 * rem}
        tickMargin={0.25 * rem}
        tickFormatter={(value: number) => write(value, ticks[1])}
        axisLine={false}
        tickLine={false}
      />
    </>
  );
}

/** The charts' rows lie at different steps, so the crosshair goes to the nearest. */
function nearestTick(
  ticks: readonly { readonly value: unknown }[],
  { activeLabel }: { readonly activeLabel?: string | number | undefined },
): number {
  const step = Number(activeLabel);
  const away = (index: number) => Math.abs(Number(ticks[index]?.value) - step);
  return ticks.reduce((best, _, index) => (away(index) < away(best) ? index : best), 0);
}

function greatest<R extends Row>(rows: readonly R[], curves: readonly Curve<R>[]): number {
  let most = 0;
  for (const { value, range } of curves) for (const row of rows) most = Math.max(most, value(row) ?? 0, range?.(row)?.[1] ?? 0);
  return most || 3;
}

/** From 0 as far as `last`, three to seven times the same round number of steps. */
export function roundSteps(last: number): number[] {
  const decade = 10 ** Math.floor(Math.log10(last / 3));
  const stride = Math.max(1, decade * (([5, 2, 1] as const).find((round) => round * decade * 3 <= last) ?? 1));
  return Array.from({ length: Math.floor(last / stride) + 1 }, (_, i) => i * stride);
}

/** Four equal steps of a round number lead from 0 to it, past `most`. */
function peakOf(most: number): number {
  const decade = 10 ** Math.floor(Math.log10(most / 4));
  return 4 * decade * ([1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 7.5].find((round) => 4 * round * decade >= most * 0.9999) ?? 10);
}

function endOf<R extends Row>({ id, name, color, value }: Curve<R>, rows: readonly R[]) {
  const last = rows.findLast((row) => value(row) !== null);
  const height = last && value(last);
  return last && typeof height === "number" ? [{ id, name, color, x: last.step, y: height }] : [];
}

const between = (range: readonly [number, number] | null | undefined, write: (value: number) => string): string =>
  range && range[1] > range[0] ? ` (${write(range[0])} to ${write(range[1])})` : "";

function readOf<R extends Row>({ id, name, color, look, value, range }: Curve<R>, row: R, write: Props<R>["write"]): Read[] {
  const known = look === "faint" ? null : value(row);
  return known === null ? [] : [{ id, name, color, value: write(known) + between(range?.(row), write) }];
}

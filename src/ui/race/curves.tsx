/** Lines over steps with labels at their ends, a quiet grid and a crosshair shared with the other charts of the race. */
import { CartesianGrid, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { count } from "../numbers.ts";
import { useRem } from "../parts/rem.ts";
import { EndLabels } from "./labels.tsx";

export interface Row {
  readonly step: number;
}

export interface Curve<R extends Row> {
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly dash: string;
  /** Raw values lie faint behind their smoothed line. */
  readonly look: "faint" | "strong" | "dots";
  readonly value: (row: R) => number | null;
  /** At the line's end. */
  readonly labelled: boolean;
}

interface Props<R extends Row> {
  readonly label: string;
  readonly rows: readonly R[];
  readonly curves: readonly Curve<R>[];
  readonly steps: number;
  readonly top: number | "auto";
  readonly write: (value: number) => string;
}

export function Curves<R extends Row>({ label, rows, curves, steps, top, write }: Props<R>) {
  const rem = useRem();
  const labelled = curves.filter((curve) => curve.labelled);
  const longest = Math.max(0, ...labelled.map(({ name }) => name.length));
  return (
    <div className="chart">
      <ResponsiveContainer width="100%" height="100%">
        <LineChart
          data={[...rows]}
          syncId="race"
          syncMethod={nearestTick}
          title={label}
          margin={{ top: 0.5 * rem, right: (0.7 + 0.52 * longest) * rem, bottom: 0, left: 0 }}
        >
          <CartesianGrid vertical={false} stroke="var(--grid)" />
          <XAxis
            dataKey="step"
            type="number"
            domain={[0, steps]}
            tickCount={4}
            height={1.5 * rem}
            tickMargin={0.25 * rem}
            tickFormatter={(step: number) => count(step)}
            stroke="var(--axis)"
            tickLine={false}
          />
          <YAxis
            domain={[0, top]}
            width={3.1 * rem}
            tickCount={5}
            tickMargin={0.25 * rem}
            tickFormatter={write}
            axisLine={false}
            tickLine={false}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: "var(--axis)" }}
            content={({ active, payload }) => {
              const row = (payload[0] as { payload?: R } | undefined)?.payload;
              return active && row ? <Reading row={row} curves={curves} write={write} /> : null;
            }}
          />
          {curves.map((curve) => (
            <Line
              key={curve.id}
              name={curve.name}
              dataKey={curve.value}
              stroke={curve.color}
              strokeWidth={(curve.look === "faint" ? 0.06 : 0.13) * rem}
              strokeOpacity={curve.look === "faint" ? 0.28 : 1}
              strokeDasharray={curve.look === "faint" ? "none" : curve.dash}
              dot={curve.look === "dots" ? { r: 0.12 * rem, fill: "var(--panel)", strokeDasharray: "none" } : false}
              activeDot={curve.look === "faint" ? false : { r: 0.22 * rem }}
              connectNulls={curve.look === "dots"}
              isAnimationActive={false}
              type="linear"
            />
          ))}
          <EndLabels labels={labelled.flatMap((curve) => endOf(curve, rows))} />
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
}

/** The charts' rows lie at different steps, so the crosshair goes to the nearest. */
function nearestTick(ticks: readonly { readonly value: unknown }[], { activeLabel }: { readonly activeLabel?: string | number | undefined }): number {
  const step = Number(activeLabel);
  const away = (index: number) => Math.abs(Number(ticks[index]?.value) - step);
  return ticks.reduce((best, _, index) => (away(index) < away(best) ? index : best), 0);
}

function endOf<R extends Row>({ name, color, value }: Curve<R>, rows: readonly R[]) {
  const last = rows.findLast((row) => value(row) !== null);
  const height = last && value(last);
  return last && typeof height === "number" ? [{ name, color, x: last.step, y: height }] : [];
}

interface ReadingProps<R extends Row> extends Pick<Props<R>, "curves" | "write"> {
  readonly row: R;
}

function Reading<R extends Row>({ row, curves, write }: ReadingProps<R>) {
  return (
    <div className="popover reading">
      <b>step {count(row.step)}</b>
      {curves.map((curve) => {
        const value = curve.value(row);
        return value === null ? null : (
          <span key={curve.id} className="reading-row">
            <i style={{ background: curve.color }} />
            {curve.name}
            {curve.look === "faint" ? ", this batch" : ""}
            <b>{write(value)}</b>
          </span>
        );
      })}
    </div>
  );
}

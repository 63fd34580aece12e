/** Singular values of one layer's updates on a log axis, a line for each lane. */
import { CartesianGrid, Line, LineChart, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { useRem } from "../parts/rem.ts";
import { Notes } from "./notes.tsx";
import { FLOOR, type Spectrum } from "./wall.ts";

const TICKS = [1, 1e-2, 1e-4, 1e-6, FLOOR];

export default function Singular({ spectra, label }: { readonly spectra: readonly Spectrum[]; readonly label: string }) {
  const rem = useRem();
  const length = Math.max(...spectra.map(({ values }) => values.length));
  const longest = Math.max(...spectra.map(({ name }) => name.length));
  const rows = Array.from({ length }, (_, index) => ({ direction: index + 1 }));
  return (
    <div className="chart">
      <ResponsiveContainer width="100%" height="100%">
        <LineChart
          data={rows}
          title={`Singular values, ${label}`}
          margin={{ top: 0.5 * rem, right: (0.7 + 0.52 * longest) * rem, bottom: 0, left: 0 }}
        >
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
            content={({ active, label: direction }) => (active ? <Reading direction={Number(direction)} spectra={spectra} /> : null)}
          />
          {spectra.map(({ name, color, dash, values, truth }) => (
            <Line
              key={name}
              name={name}
              dataKey={({ direction }: { direction: number }) => values[direction - 1] ?? null}
              stroke={color}
              strokeWidth={(truth ? 0.08 : 0.16) * rem}
              strokeDasharray={dash}
              strokeLinejoin="round"
              dot={false}
              activeDot={{ r: 0.22 * rem }}
              isAnimationActive={false}
              type="linear"
            />
          ))}
          <Notes spectra={spectra} />
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
}

function Reading({ direction, spectra }: { readonly direction: number; readonly spectra: readonly Spectrum[] }) {
  return (
    <div className="popover reading">
      <b>direction {direction}</b>
      {spectra.map(({ name, color, values, largest }) => {
        const share = values[direction - 1] ?? FLOOR;
        return (
          <span key={name} className="reading-row">
            <i style={{ background: color }} />
            {name}
            <b>{share <= FLOOR ? "0" : `σ = ${(share * largest).toPrecision(2)}`}</b>
          </span>
        );
      })}
    </div>
  );
}

function ticksTo(length: number): number[] {
  return [1, ...[0.25, 0.5, 0.75, 1].map((share) => Math.round(share * length))];
}

function writeTick(value: number): string {
  if (value <= FLOOR) return "0";
  return value === 1 ? "σ₁" : `${["", "", "10⁻²", "", "10⁻⁴", "", "10⁻⁶"][Math.round(-Math.log10(value))]}`;
}

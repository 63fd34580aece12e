/** The spectra of all layers of a lane as one line with its spread; full fine-tuning thin and grey, as the truth to compare with. */
import { useMemo } from "react";
import { Area, CartesianGrid, ComposedChart, Line, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { useShallow } from "zustand/react/shallow";
import { DUST, type MeanSpectrum, meanSpectrum } from "../../analysis/spectrum.ts";
import { useRace } from "../../store/race.ts";
import type { Look } from "../look.ts";
import { Figure } from "../parts/figure.tsx";
import { useRem } from "../parts/rem.ts";
import { EndLabels } from "../race/labels.tsx";
import { Source } from "./source.tsx";
import { isTruth } from "./truth.ts";

interface Drawn extends Look, MeanSpectrum {
  readonly truth: boolean;
}

const TICKS = [1, 1e-2, 1e-4, 1e-6, DUST];

export function MeanSpectra({ looks }: { readonly looks: readonly Look[] }) {
  const ranks = useRace(useShallow((race) => race.lanes.map(({ rank }) => rank)));
  const methods = useRace((race) => race.config?.lanes);
  const drawn = useMemo(
    () =>
      looks.flatMap((look, lane): Drawn[] => {
        const mean = meanSpectrum((ranks[lane]?.layers ?? []).map(({ singularValues }) => singularValues));
        return mean ? [{ ...look, ...mean, truth: isTruth(methods?.[lane]) }] : [];
      }),
    [looks, ranks, methods],
  );
  return (
    <Figure
      className="spectra-mean"
      title="Spectra of the updates, all layers"
      finding={findingOf(drawn)}
      table={() => ({
        head: ["Direction", ...drawn.flatMap(({ name }) => [`${name}, mean σ / σ₁`, `${name}, 10 % to 90 %`])],
        rows: Array.from({ length: Math.max(0, ...drawn.map(({ mean }) => mean.length)) }, (_, i) => [
          String(i + 1),
          ...drawn.flatMap(({ mean, low, high }) => [number(mean[i]), `${number(low[i])} to ${number(high[i])}`]),
        ]),
      })}
    >
      <div className="paper-controls">
        <Source of="spectra" />
      </div>
      {drawn.length > 0 ? (
        <Chart drawn={drawn} />
      ) : (
        <p className="hint">Every update starts at zero; its spectrum appears when it has moved.</p>
      )}
    </Figure>
  );
}

function Chart({ drawn }: { readonly drawn: readonly Drawn[] }) {
  const rem = useRem();
  const length = Math.max(...drawn.map(({ mean }) => mean.length));
  const rows = Array.from({ length }, (_, index) => ({ direction: index + 1 }));
  const longest = Math.max(...drawn.map(({ name }) => name.length));
  const ends = drawn.map(({ name, color, mean }) => {
    const last = mean.findLastIndex((share) => share > 10 * DUST);
    return { id: name, name, color, x: Math.max(1, last + 1), y: mean[Math.max(0, last)] ?? 1 };
  });
  const of =
    (values: readonly number[]) =>
    ({ direction }: { direction: number }) =>
      values[direction - 1] ?? null;
  return (
    <div className="chart">
      <ResponsiveContainer width="100%" height="100%">
        <ComposedChart
          data={rows}
          title="Mean singular values over all layers"
          margin={{ top: 0.5 * rem, right: (0.7 + 0.52 * longest) * rem, bottom: 0, left: 0 }}
        >
          <CartesianGrid vertical={false} stroke="var(--grid)" />
          <XAxis
            dataKey="direction"
            type="number"
            domain={[1, length]}
            ticks={[...new Set([1, ...[0.25, 0.5, 0.75, 1].map((share) => Math.max(1, Math.round(share * length)))])]}
            height={1.5 * rem}
            stroke="var(--axis)"
            tickLine={false}
          />
          <YAxis
            scale="log"
            domain={[DUST, 1]}
            ticks={TICKS}
            width={3.1 * rem}
            tickFormatter={(value: number) =>
              value <= DUST ? "0" : value === 1 ? "σ₁" : `10${["", "", "⁻²", "", "⁻⁴", "", "⁻⁶"][Math.round(-Math.log10(value))]}`
            }
            axisLine={false}
            tickLine={false}
            allowDataOverflow
            interval={0}
          />
          <ReferenceLine y={0.01} stroke="var(--axis)" strokeDasharray="1 3" />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: "var(--axis)" }}
            content={({ active, label }) => (active ? <Reading direction={Number(label)} drawn={drawn} /> : null)}
          />
          {drawn.map(({ name, color, low, high }) => (
            <Area
              key={`${name} band`}
              dataKey={({ direction }: { direction: number }) => [low[direction - 1] ?? DUST, high[direction - 1] ?? DUST]}
              fill={color}
              fillOpacity={0.14}
              stroke="none"
              activeDot={false}
              isAnimationActive={false}
            />
          ))}
          {drawn.map(({ name, color, dash, mean, truth }) => (
            <Line
              key={name}
              name={name}
              dataKey={of(mean)}
              stroke={color}
              strokeWidth={(truth ? 0.08 : 0.16) * rem}
              strokeDasharray={dash}
              dot={false}
              activeDot={{ r: 0.22 * rem }}
              isAnimationActive={false}
            />
          ))}
          <EndLabels labels={ends} />
        </ComposedChart>
      </ResponsiveContainer>
    </div>
  );
}

function Reading({ direction, drawn }: { readonly direction: number; readonly drawn: readonly Drawn[] }) {
  return (
    <div className="popover reading">
      <b>direction {direction}</b>
      {drawn.map(({ name, color, mean }) => (
        <span key={name} className="reading-row">
          <i style={{ background: color }} />
          {name}
          <b>{number(mean[direction - 1])}</b>
        </span>
      ))}
    </div>
  );
}

const number = (share: number | undefined): string => (share === undefined ? "–" : share <= 2 * DUST ? "0" : share.toExponential(1));

function findingOf(drawn: readonly Drawn[]): string {
  const each = drawn.map(({ name, mean, layers }) => {
    const above = mean.filter((share) => share > 0.01).length;
    return `${name} keeps ${above} of ${mean.length} directions above 1 % in the mean of ${layers} layers`;
  });
  return each.length > 0 ? `${each.join(", ")}.` : "";
}

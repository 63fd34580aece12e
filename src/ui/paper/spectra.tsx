/** The spectra of all layers of a lane as one line with its spread; full fine-tuning thin and grey, as the truth to compare with. */
import { useMemo } from "react";
import { Area } from "recharts";
import { useShallow } from "zustand/react/shallow";
import { FLOOR, type MeanSpectrum, meanSpectrum } from "../../analysis/spectrum.ts";
import { useRace } from "../../store/race.ts";
import type { Look } from "../look.ts";
import { Figure } from "../parts/figure.tsx";
import { Directions, type Falling, type Row } from "../race/directions.tsx";
import { EndLabels } from "../race/labels.tsx";
import { Source } from "./source.tsx";
import { isTruth } from "./truth.ts";

interface Drawn extends Falling, Omit<MeanSpectrum, "mean"> {}

export function MeanSpectra({ looks }: { readonly looks: readonly Look[] }) {
  const ranks = useRace(useShallow((race) => race.lanes.map(({ rank }) => rank)));
  const methods = useRace((race) => race.config?.lanes);
  const drawn = useMemo(
    () =>
      looks.flatMap((look, lane): Drawn[] => {
        const spectrum = meanSpectrum((ranks[lane]?.layers ?? []).map(({ singularValues }) => singularValues));
        if (!spectrum) return [];
        const { mean, ...spread } = spectrum;
        return [{ ...look, ...spread, values: mean, truth: isTruth(methods?.[lane]) }];
      }),
    [looks, ranks, methods],
  );
  return (
    <Figure
      title="Spectra of the updates, all layers"
      finding={findingOf(drawn)}
      table={() => ({
        head: ["Direction", ...drawn.flatMap(({ name }) => [`${name}, mean σ / σ₁`, `${name}, 10 % to 90 %`])],
        rows: Array.from({ length: Math.max(0, ...drawn.map(({ values }) => values.length)) }, (_, i) => [
          String(i + 1),
          ...drawn.flatMap(({ values, low, high }) => [number(values[i]), `${number(low[i])} to ${number(high[i])}`]),
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
  const ends = drawn.map(({ name, color, values }) => {
    const last = Math.max(
      0,
      values.findLastIndex((share) => share > 10 * FLOOR),
    );
    return { id: name, name, color, x: last + 1, y: values[last] ?? 1 };
  });
  const bands = drawn.map(({ name, color, low, high }) => (
    <Area
      key={name}
      dataKey={({ direction }: Row) => [low[direction - 1] ?? FLOOR, high[direction - 1] ?? FLOOR]}
      fill={color}
      fillOpacity={0.14}
      stroke="none"
      activeDot={false}
      isAnimationActive={false}
    />
  ));
  return (
    <Directions
      title="Mean singular values over all layers"
      lines={drawn}
      tell={({ values }, direction) => number(values[direction])}
      behind={bands}
    >
      <EndLabels labels={ends} />
    </Directions>
  );
}

const number = (share: number | undefined): string => (share === undefined ? "–" : share <= 2 * FLOOR ? "0" : share.toExponential(1));

function findingOf(drawn: readonly Drawn[]): string {
  const each = drawn.map(({ name, values, layers }) => {
    const above = values.filter((share) => share > 0.01).length;
    return `${name} keeps ${above} of ${values.length} directions above 1 % in the mean of ${layers} layers`;
  });
  return each.length > 0 ? `${each.join(", ")}.` : "";
}

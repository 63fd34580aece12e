/** Curves beside those of the race that is on: the mean of the seeds that have ended, and of pinned runs. */
import { useMemo } from "react";
import { usePinned } from "../../store/runspinned.ts";
import { type BandPoint, DEVIATION_FROM } from "../../store/series.ts";
import { useStudy } from "../../store/studies.ts";
import { counted } from "../../store/study.ts";
import { curvesOf, type LaneCurves } from "../../store/studycurves.ts";
import { type Look, looksOf } from "../look.ts";
import { plural } from "../numbers.ts";
import type { Table } from "../parts/figure.tsx";
import type { Curve, Row } from "./curves.tsx";

export interface Extra {
  readonly id: string;
  readonly look: Look;
  readonly kind: "mean" | "thin";
  readonly points: readonly BandPoint[];
}

/** A row that may have points of such curves, by their id. */
export interface Banded extends Row {
  readonly extra?: ReadonlyMap<string, BandPoint>;
}

const NAME = 14;

/** Means of the study's seeds, where it has several and one has ended, and thin lines of pinned runs. */
export function useExtras(kind: keyof LaneCurves): readonly Extra[] {
  const study = useStudy();
  const pinned = usePinned((state) => state.runs);
  const means = useMemo(() => {
    if (!study || study.seeds.length < 2 || study.results.length === 0) return [];
    const looks = looksOf(study.config.lanes);
    return curvesOf(counted(study), looks.length).flatMap((curves, lane): Extra[] => {
      const look = looks[lane];
      return look && curves[kind].length > 0 ? [{ id: `mean ${lane}`, look, kind: "mean", points: curves[kind] }] : [];
    });
  }, [study, kind]);
  const thin = useMemo(
    () =>
      pinned.flatMap(({ id, name, config, curves }) =>
        looksOf(config.lanes).flatMap((look, lane): Extra[] => {
          const points = curves[lane]?.[kind] ?? [];
          const short = name.length > NAME ? `${name.slice(0, NAME)}…` : name;
          return points.length > 0 ? [{ id: `${id} ${lane}`, look: { ...look, name: short }, kind: "thin", points }] : [];
        }),
      ),
    [pinned, kind],
  );
  return useMemo(() => [...thin, ...means], [thin, means]);
}

export function curveOf<R extends Banded>({ id, look, kind }: Extra): Curve<R> {
  const at = (row: R) => row.extra?.get(id);
  return {
    ...look,
    id,
    look: kind,
    value: (row) => at(row)?.mean ?? null,
    ...(kind === "mean" && {
      range: (row: R) => {
        const point = at(row);
        return point && point.high > point.low ? [point.low, point.high] : null;
      },
    }),
    labelled: true,
  };
}

/** `rows` with these curves' points, at their steps; `empty` makes a row where there is none. */
export function withExtras<R extends Banded>(rows: readonly R[], extras: readonly Extra[], empty: (step: number) => R): readonly R[] {
  if (extras.length === 0) return rows;
  const byStep = new Map(rows.map((row) => [row.step, row]));
  const points = new Map<number, Map<string, BandPoint>>();
  for (const { id, points: own } of extras) {
    for (const point of own) points.set(point.step, (points.get(point.step) ?? new Map<string, BandPoint>()).set(id, point));
  }
  for (const [step, extra] of points) byStep.set(step, { ...(byStep.get(step) ?? empty(step)), extra });
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}

export const lastStep = (extras: readonly Extra[]): number => Math.max(0, ...extras.map(({ points }) => points.at(-1)?.step ?? 0));

/** What the band is, in words; undefined without one. */
export function bandFinding(extras: readonly Extra[], seeds: number, write: (value: number) => string): string | undefined {
  const means = extras.filter(({ kind }) => kind === "mean");
  if (means.length === 0) return undefined;
  const each = means.map(({ look, points }) => `${look.name} ${write(points.at(-1)?.mean ?? Number.NaN)}`).join(", ");
  const band = seeds < 2 ? "" : seeds < DEVIATION_FROM ? " Band: least to greatest." : " Band: ± one standard deviation.";
  return `Step ${means[0]?.points.at(-1)?.step}, mean over ${plural(seeds, "seed")}: ${each}.${band}`;
}

export function bandTable(extras: readonly Extra[], write: (value: number) => string): Table {
  const steps = [...new Set(extras.flatMap(({ points }) => points.map(({ step }) => step)))].sort((a, b) => a - b);
  const by = extras.map(({ points }) => new Map(points.map((point) => [point.step, point])));
  return {
    head: ["Step", ...extras.flatMap(({ look: { name } }) => [`${name} mean`, `${name} low`, `${name} high`])],
    rows: steps.map((step) => [
      String(step),
      ...by.flatMap((points) => {
        const point = points.get(step);
        return point ? [write(point.mean), write(point.low), write(point.high)] : ["–", "–", "–"];
      }),
    ]),
  };
}

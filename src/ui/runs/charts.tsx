/** A kept run's curves. */
import { useMemo } from "react";
import type { LaneCurves } from "../../store/studycurves.ts";
import type { Look } from "../look.ts";
import { loss, percent } from "../numbers.ts";
import { Figure } from "../parts/figure.tsx";
import { type Banded, bandFinding, bandTable, curveOf, type Extra, withExtras } from "../race/bands.ts";
import { Curves } from "../race/curves.tsx";

interface Props {
  readonly looks: readonly Look[];
  readonly curves: readonly LaneCurves[];
  readonly seeds: number;
  readonly steps: number;
}

export function RunCharts(props: Props) {
  return (
    <div className="runs-charts">
      <Chart {...props} title="Loss" kind="loss" write={(value) => value.toFixed(2)} tell={loss} />
      <Chart {...props} title="Validation accuracy" kind="accuracy" top={1} write={(value) => percent(value, 0)} tell={percent} />
    </div>
  );
}

interface ChartProps extends Props {
  readonly title: string;
  readonly kind: keyof LaneCurves;
  readonly top?: number;
  readonly write: (value: number) => string;
  readonly tell: (value: number) => string;
}

function Chart({ looks, curves, seeds, steps, title, kind, top, write, tell }: ChartProps) {
  const extras = useMemo(
    () =>
      looks.flatMap((look, lane): Extra[] => {
        const points = curves[lane]?.[kind] ?? [];
        return points.length > 0 ? [{ id: `${kind} ${lane}`, look, kind: "mean", points }] : [];
      }),
    [looks, curves, kind],
  );
  const rows = useMemo(() => withExtras<Banded>([], extras, (step) => ({ step })), [extras]);
  return (
    <Figure title={title} finding={bandFinding(extras, seeds, tell) ?? "No curve was kept."} table={() => bandTable(extras, tell)}>
      <Curves
        label={`${title} by step`}
        rows={rows.length > 0 ? rows : [{ step: 0 }]}
        curves={extras.map(curveOf<Banded>)}
        steps={steps}
        {...(top !== undefined && { top })}
        write={write}
        alone
      />
    </Figure>
  );
}

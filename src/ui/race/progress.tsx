/** The loss and the validation accuracy while the race runs, on one axis of steps. */
import { memo, Suspense, useDeferredValue, useMemo } from "react";
import { useImages } from "../../store/images.ts";
import { useRace } from "../../store/race.ts";
import type { RunState, Validation } from "../../store/run.ts";
import { type CurvePoint, decimate } from "../../store/series.ts";
import { useSetup } from "../../store/setup.ts";
import { useStudy } from "../../store/studies.ts";
import { counted } from "../../store/study.ts";
import { scoreOf } from "../../store/verdict.ts";
import type { Look } from "../look.ts";
import { count, decimalsOf, loss, percent } from "../numbers.ts";
import { Figure, type Table } from "../parts/figure.tsx";
import { later } from "../parts/later.tsx";
import { Term } from "../parts/term.tsx";
import { type Banded, bandFinding, bandTable, curveOf, lastStep, useExtras, withExtras } from "./bands.ts";
import type { Curve, Props as CurvesProps } from "./curves.tsx";

/** A step on the axis; the validation's numbers only where there was one. */
interface Mark extends Banded {
  readonly point: CurvePoint | null;
  readonly validation: Validation | null;
}

const MAX_DOTS = 80;

/** The charting library is fetched once there is something to draw. */
const Curves = later(async () => ({ default: (await import("./curves.tsx")).Curves<Mark> }));

/**
 * Before there are images: a bare grid. Then the axes, so that the library has done its first and longest work before training begins.
 * Drawn after what is urgent, and in pieces, so that the page answers meanwhile.
 */
const Chart = memo(function Chart(props: CurvesProps<Mark>) {
  const hasImages = useImages(({ dataset }) => dataset !== null);
  const rows = useDeferredValue(props.rows.length > 0 ? props.rows : hasImages ? EMPTY : NOTHING, NOTHING);
  const bare = <div className="chart bare" />;
  return <Suspense fallback={bare}>{rows.length > 0 ? <Drawn {...props} rows={rows} /> : bare}</Suspense>;
});
const NOTHING: readonly Mark[] = [];
/** Axes are drawn only where there is a row. */
const EMPTY: readonly Mark[] = [{ step: 0, point: null, validation: null }];
/** Not drawn again for numbers that it does not show yet. */
const Drawn = memo(Curves);
const none = (step: number): Mark => ({ step, point: null, validation: null });

interface Props {
  readonly looks: readonly Look[];
}

/** Of the race; before there is one, what is asked for. */
function useSteps(): number {
  const asked = useSetup((setup) => setup.config.steps);
  return useRace((race) => race.config?.steps) ?? asked;
}

export function Losses({ looks }: Props) {
  const points = useRace((race) => race.points);
  const validations = useRace((race) => race.validations);
  const steps = useSteps();
  const extras = useExtras("loss");
  const means = extras.filter(({ kind }) => kind === "mean");
  const ended = useEnded();
  const racing = useRace(({ phase }) => phase !== "done");
  const own = useMemo(() => merge(points, validations), [points, validations]);
  const rows = useMemo(() => withExtras(own, extras, none), [own, extras]);
  const curves = useMemo(
    () => [...(means.length > 0 ? looks.map(faintLoss).filter(() => racing) : looks.flatMap(lossCurves)), ...extras.map(curveOf<Mark>)],
    [looks, extras, means.length, racing],
  );
  return (
    <Figure
      title={<Term explains={<LossHelp />}>Loss</Term>}
      finding={bandFinding(extras, ended, loss) ?? lossFinding(own, validations, looks)}
      table={() => (means.length > 0 ? bandTable(means, loss) : tableOf(own, looks))}
      className="loss"
    >
      <Chart label="Loss by step" rows={rows} curves={curves} steps={Math.max(steps, lastStep(extras))} write={writeLoss} />
    </Figure>
  );
}

/** Apart from the losses, which change with every batch. */
export const Accuracies = memo(function Accuracies({ looks }: Props) {
  const validations = useRace((race) => race.validations);
  const steps = useSteps();
  const extras = useExtras("accuracy");
  const means = extras.filter(({ kind }) => kind === "mean");
  const ended = useEnded();
  const racing = useRace(({ phase }) => phase !== "done");
  const own = useMemo(() => merge([], validations), [validations]);
  const rows = useMemo(() => withExtras(own, extras, none), [own, extras]);
  const curves = useMemo(
    () => [...(means.length > 0 ? looks.map(faintAccuracy).filter(() => racing) : looks.map(accuracyCurve)), ...extras.map(curveOf<Mark>)],
    [looks, extras, means.length, racing],
  );
  const last = validations.at(-1);
  return (
    <Figure
      title={
        <>
          <Term explains={<AccuracyHelp />}>Validation accuracy</Term>
          {last && <span className="where">{count(last.images)} images</span>}
        </>
      }
      finding={bandFinding(extras, ended, percent) ?? accuracyFinding(validations, looks)}
      table={() => (means.length > 0 ? bandTable(means, percent) : tableOf(own, looks))}
      className="accuracy"
    >
      <Chart
        label="Validation accuracy by step"
        rows={rows}
        curves={curves}
        steps={Math.max(steps, lastStep(extras))}
        top={1}
        write={writeShare}
      />
    </Figure>
  );
});

function lossCurves(look: Look, lane: number): Curve<Mark>[] {
  return [
    { ...look, id: `raw ${lane}`, look: "faint", value: (row) => row.point?.raw[lane] ?? null, labelled: false },
    { ...look, id: `smooth ${lane}`, look: "strong", value: (row) => row.point?.smooth[lane] ?? null, labelled: true },
    {
      ...look,
      name: `${look.name}, validation`,
      id: `validation ${lane}`,
      look: "dots",
      value: (row) => finite(row.validation?.lanes[lane]?.loss),
      labelled: false,
    },
  ];
}

function accuracyCurve(look: Look, lane: number): Curve<Mark> {
  return { ...look, id: `accuracy ${lane}`, look: "line", value: (row) => finite(row.validation?.lanes[lane]?.accuracy), labelled: true };
}

/** The race that is on, behind the mean of those that have ended. */
function faintLoss(look: Look, lane: number): Curve<Mark> {
  return { ...look, id: `smooth ${lane}`, look: "faint", value: (row) => row.point?.smooth[lane] ?? null, labelled: false };
}

function faintAccuracy(look: Look, lane: number): Curve<Mark> {
  return { ...accuracyCurve(look, lane), look: "thin", labelled: false };
}

/** Races that the means are of. */
function useEnded(): number {
  const study = useStudy();
  return study ? counted(study).length : 0;
}

const writeLoss = (value: number, step?: number) => value.toFixed(step === undefined ? 2 : decimalsOf(step));
const writeShare = (value: number) => percent(value, 0);

const LossHelp = () => (
  <p>
    How wrong the answers are; lower is better. Faint: each training batch. Strong: smoothed. Dots: images held out from training. When the
    dots rise while the line falls, the method is memorising.
  </p>
);
const AccuracyHelp = () => (
  <p>The share of held-out images whose most likely class is the right one. The dot at step 0 is the model before any training.</p>
);

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

function merge(points: readonly CurvePoint[], validations: RunState["validations"]): readonly Mark[] {
  const byStep = new Map<number, Mark>();
  for (const point of points) byStep.set(point.step, { step: point.step, point, validation: null });
  const accuracies = (validations[0]?.lanes ?? []).map((_, lane) => (at: number) => validations[at]?.lanes[lane]?.accuracy ?? 0);
  for (const index of decimate(validations.length, accuracies, MAX_DOTS)) {
    const validation = validations[index];
    if (validation) byStep.set(validation.step, { step: validation.step, point: byStep.get(validation.step)?.point ?? null, validation });
  }
  return [...byStep.values()].sort((a, b) => a.step - b.step);
}

function lossFinding(rows: readonly Mark[], validations: readonly Validation[], looks: readonly Look[]): string {
  const last = rows.findLast(({ point }) => point !== null)?.point;
  const first = validations[0];
  if (!last) return first ? `Before training: ${beforeEach(first, looks, (lane) => loss(lane.loss))} on held-out images.` : "No step yet.";
  const each = looks.map(({ name }, lane) => `${name} ${loss(last.smooth[lane])}`);
  return `Batches to step ${last.step}, smoothed: ${each.join(", ")}.`;
}

function accuracyFinding(validations: readonly Validation[], looks: readonly Look[]): string {
  const last = validations.at(-1);
  if (!last) return "Not measured yet.";
  if (last.step === 0) {
    const write = ({ correct }: Validation["lanes"][number]) => {
      const { accuracy, margin } = scoreOf(correct, last.images);
      return `${percent(accuracy)} ± ${(margin * 100).toFixed(1)}`;
    };
    return `Before training: ${beforeEach(last, looks, write)} of ${last.images} images.`;
  }
  const each = looks.map(({ name }, lane) => `${name} ${percent(last.lanes[lane]?.accuracy ?? 0)}`);
  return `Measured after step ${last.step}: ${each.join(", ")}.`;
}

/** One number where all lanes begin alike; imported ones may not. */
function beforeEach({ lanes }: Validation, looks: readonly Look[], write: (lane: Validation["lanes"][number]) => string): string {
  const texts = lanes.map(write);
  return new Set(texts).size === 1 ? (texts[0] ?? "") : texts.map((text, lane) => `${looks[lane]?.name} ${text}`).join(", ");
}

function tableOf(rows: readonly Mark[], looks: readonly Look[]): Table {
  const measured = looks.flatMap(({ name }) => [`${name} loss`, `${name} validation loss`, `${name} accuracy`]);
  const stride = Math.max(1, Math.ceil(rows.length / 100));
  return {
    head: ["Step", ...measured],
    rows: rows
      .filter(({ validation }, index) => validation !== null || index % stride === 0)
      .map(({ step, point, validation }) => [
        String(step),
        ...looks.flatMap((_, lane) => {
          const held = validation?.lanes[lane];
          return [loss(point?.smooth[lane]), loss(held?.loss), held ? percent(held.accuracy) : "–"];
        }),
      ]),
  };
}

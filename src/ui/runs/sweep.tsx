/** One setting at several values: what will run, for how long, and what came out, as in the paper's Figure 1. */
import { useEffect, useId, useMemo, useState } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { useImages } from "../../store/images.ts";
import { useModels } from "../../store/models.ts";
import { useRace } from "../../store/race.ts";
import { useRuns } from "../../store/runs.ts";
import { useSetup } from "../../store/setup.ts";
import { stopStudies, useStudies } from "../../store/studies.ts";
import { canSweep, parseValues, SETTINGS, type Setting, type Sweep, startOf } from "../../store/sweep.ts";
import { digestOnce, planSweep, type SweepPlan, startSweep } from "../../store/sweeping.ts";
import { looksOf } from "../look.ts";
import { duration, plural } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Icon } from "../parts/icon.tsx";
import { useBlocker } from "../race/blocker.ts";
import { SweepCharts } from "./sweepcharts.tsx";
import "./runs.css";

const NAMES = Object.keys(SETTINGS) as Setting[];

export default function SweepView() {
  const { config, seeds, sweep: chosen, setSweep } = useSetup();
  const known = useModels((models) => models.known); // sizes follow from the model
  const list = useRuns((runs) => runs.list);
  const dataset = useImages((images) => images.dataset);
  const digest = useDigest(dataset);
  const sweep = chosen ?? startOf("rank");
  const plan = useMemo(
    () => (known ? planSweep(sweep, config, seeds, list ?? [], digest) : null),
    [sweep, config, seeds, list, digest, known],
  );
  if (!plan) return null;
  return (
    <div className="runs">
      <p className="hint">
        Runs the lanes at each value, one after the other, every one under {plural(seeds, "seed")} (Number of seeds, among the lanes). A new
        r keeps α / r. Each is kept under Runs, so a sweep that is stopped goes on where it was, even after a reload.
      </p>
      <div className="row sweep-fields">
        <ChoiceField
          label="Setting"
          choices={NAMES.map((name) => SETTINGS[name].title)}
          value={NAMES.indexOf(sweep.setting)}
          onChange={(index) => setSweep(startOf(NAMES[index] ?? "rank", sweep.lane))}
        />
        <Lanes sweep={sweep} onChange={setSweep} />
        <Values key={`${sweep.setting} ${sweep.values.join(" ")}`} sweep={sweep} onChange={setSweep} />
      </div>
      <Start plan={plan} dataset={dataset} onStart={() => setSweep(sweep)} />
      <SweepCharts plan={plan} sweep={sweep} />
    </div>
  );
}

function useDigest(dataset: Dataset | null): string | null {
  const [digest, setDigest] = useState<string | null>(null);
  useEffect(() => {
    let stale = false;
    setDigest(null);
    if (dataset) void digestOnce(dataset).then((found) => !stale && setDigest(found));
    return () => {
      stale = true;
    };
  }, [dataset]);
  return digest;
}

interface FieldProps {
  readonly sweep: Sweep;
  readonly onChange: (sweep: Sweep) => void;
}

function Lanes({ sweep, onChange }: FieldProps) {
  const lanes = useSetup((setup) => setup.config.lanes);
  const able = lanes.flatMap((lane, index) => (canSweep(lane, sweep.setting) ? [index] : []));
  const looks = looksOf(lanes);
  return (
    <ChoiceField
      label="Of"
      choices={["all methods", ...able.map((index) => looks[index]?.name ?? "")]}
      value={sweep.lane === null ? 0 : able.indexOf(sweep.lane) + 1}
      onChange={(index) => onChange({ ...sweep, lane: index === 0 ? null : (able[index - 1] ?? null) })}
    />
  );
}

function Values({ sweep, onChange }: FieldProps) {
  const id = useId();
  const [text, setText] = useState(sweep.values.join(", "));
  const [wrong, setWrong] = useState(false);
  const { usual } = SETTINGS[sweep.setting];
  const commit = () => {
    const values = parseValues(sweep.setting, text);
    setWrong(values === undefined);
    if (values && values.join() !== sweep.values.join()) onChange({ ...sweep, values });
  };
  return (
    <div className="sweep-values">
      <label htmlFor={id}>Values</label>
      <input
        id={id}
        value={text}
        autoComplete="off"
        aria-invalid={wrong}
        onChange={(event) => setText(event.target.value)}
        onBlur={commit}
        onKeyDown={(event) => event.key === "Enter" && commit()}
      />
      {usual.map((values) => (
        <button key={values.join()} type="button" className="chip small" onClick={() => onChange({ ...sweep, values })}>
          {values.join(", ")}
        </button>
      ))}
      {wrong && (
        <span role="alert" className="warning">
          Up to twelve {sweep.setting === "targets" ? "groups of layers like q.v" : "numbers above 0"}, with commas between.
        </span>
      )}
    </div>
  );
}

interface StartProps {
  readonly plan: SweepPlan;
  readonly dataset: Dataset | null;
  readonly onStart: () => void;
}

function Start({ plan, dataset, onStart }: StartProps) {
  const { races, left, seconds, studies } = plan;
  const running = useStudies((state) => state.running && state.plan.some(({ sweep }) => sweep !== null));
  const busy = useRace(({ phase }) => phase === "training" || phase === "starting" || phase === "paused");
  const blocker = useBlocker();
  const [problem, setProblem] = useState<string | null>(null);
  const start = () => {
    onStart();
    setProblem(null);
    if (dataset) startSweep(plan, dataset).catch((error: unknown) => setProblem(`The sweep could not start: ${String(error)}`));
  };
  const there = races - left;
  const time = seconds === null ? "How long they take shows once one race has run." : `About ${duration(seconds)} of training.`;
  return (
    <div className="row">
      {running ? (
        <button type="button" onClick={stopStudies}>
          <Icon name="stop" /> Stop sweep
        </button>
      ) : (
        <button type="button" className="primary" disabled={busy || blocker !== null || left === 0} onClick={start}>
          <Icon name="play" /> {there > 0 && left > 0 ? "Continue sweep" : "Start sweep"}
        </button>
      )}
      <p role="status">
        {plural(studies.length, "value")}, {plural(races, "race")}
        {there > 0 ? `; ${there} ${there === 1 ? "is" : "are"} there already` : ""}. {left > 0 ? time : "All done."}
        {blocker !== null && left > 0 ? ` ${blocker}` : ""}
      </p>
      {problem && <p role="alert">{problem}</p>}
    </div>
  );
}

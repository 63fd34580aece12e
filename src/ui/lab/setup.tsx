/** The GPU at hand, what to measure on it, and how far that has come. */
import { METHODS, type Order, TOWERS, type TowerName } from "../../lab/order.ts";
import { runtimeName } from "../../lab/report.ts";
import { setOrder, startLab, stopLab, useLab } from "../../store/lab.ts";
import { listMethods } from "../../store/methods.ts";
import { useRace } from "../../store/race.ts";
import { titleOf } from "../look.ts";
import { Facts } from "../parts/facts.tsx";
import { Icon } from "../parts/icon.tsx";
import { Notice } from "../parts/notice.tsx";
import { NumberField } from "../parts/number.tsx";
import { methodTitle } from "./names.ts";

interface Props {
  readonly gpu: string;
  readonly software: boolean;
}

export function Setup({ gpu, software }: Props) {
  const { order, problems, phase, fault, report } = useLab();
  const isTraining = useRace((race) => race.phase === "training" || race.phase === "starting");
  const running = phase === "running";
  return (
    <section className="panel bench" aria-labelledby="lab-title">
      <h2 id="lab-title">Your GPU</h2>
      <Facts
        rows={[
          ["Adapter", report?.device.name ?? gpu],
          ["Browser", runtimeName(navigator.userAgent)],
          ...(report ? ([["It has", features(report.device.features)]] as const) : []),
        ]}
      />
      <p className="lead">
        The lab checks the kernels of this page on this GPU, finds out how fast it can copy and multiply at best, and measures how near a
        training step comes to that. Nothing leaves this tab.
      </p>
      {software && (
        <Notice kind="info">
          <p>WebGPU runs on the processor here. What is measured is a toy model in small batches, so that it ends soon.</p>
        </Notice>
      )}
      {problems.length > 0 && (
        <Notice kind="info">
          {problems.map((problem) => (
            <p key={problem}>{problem}</p>
          ))}
        </Notice>
      )}
      {isTraining && (
        <Notice kind="info">
          <p>A race is training on this GPU now, which would spoil the figures. Pause or stop it first.</p>
        </Notice>
      )}
      <div className="row">
        <button type="button" className="primary" disabled={running || isTraining} onClick={startLab}>
          <Icon name="play" /> Run
        </button>
        <button type="button" disabled={!running} onClick={stopLab}>
          <Icon name="stop" /> Stop
        </button>
      </div>
      <Progress />
      {fault && (
        <Notice kind="error">
          <b>The lab had to stop</b>
          <p>{fault.what}</p>
          <p>{fault.todo}</p>
        </Notice>
      )}
      {report?.failures.map(({ what, why }) => (
        <Notice key={what} kind="info">
          <p>
            <b>{what}</b> could not be measured: {why}
          </p>
        </Notice>
      ))}
      <fieldset disabled={running} className="orders">
        <legend>What to measure</legend>
        <Choices order={order} software={software} />
      </fieldset>
    </section>
  );
}

const BATCH = { label: "Images in a step", help: "1 to 1024", default: 64, min: 1, max: 1024, step: 1 };

function Choices({ order, software }: { readonly order: Order; readonly software: boolean }) {
  const towers = (Object.keys(TOWERS) as TowerName[]).filter((name) => name !== "toy" || software || order.models.includes(name));
  const usual: readonly string[] = METHODS;
  // Two lanes in one race come by the address.
  const first = [...order.methods.filter((method) => method.includes("+")), ...usual];
  const others = listMethods().flatMap(({ id }) => (usual.includes(id) ? [] : [id]));
  const check = (id: string) => (
    <Check key={id} list={order.methods} name={id} title={methodTitle(id, titleOf)} onChange={(methods) => setOrder({ methods })} />
  );
  return (
    <>
      <label className="check">
        <input type="checkbox" checked={order.verify} onChange={(event) => setOrder({ verify: event.target.checked })} />
        Whether every kernel is right
      </label>
      <fieldset>
        <legend>Training steps of</legend>
        {towers.map((name) => (
          <Check key={name} list={order.models} name={name} title={TOWERS[name].title} onChange={(models) => setOrder({ models })} />
        ))}
      </fieldset>
      <fieldset>
        <legend>by</legend>
        <div className="methods">{first.map(check)}</div>
        <details open={others.some((id) => order.methods.includes(id))}>
          <summary>Other methods</summary>
          <div className="methods">{others.map(check)}</div>
        </details>
      </fieldset>
      <NumberField
        field={BATCH}
        value={order.batch}
        onChange={(batch) => setOrder({ batch: Math.min(BATCH.max, Math.max(BATCH.min, Math.round(batch))) })}
      />
      <label className="check">
        <input type="checkbox" checked={order.profile} onChange={(event) => setOrder({ profile: event.target.checked })} />
        Every kernel of the steps
      </label>
    </>
  );
}

interface CheckProps<T extends string> {
  readonly list: readonly T[];
  readonly name: T;
  readonly title: string;
  readonly onChange: (list: readonly T[]) => void;
}

function Check<T extends string>({ list, name, title, onChange }: CheckProps<T>) {
  const checked = list.includes(name);
  return (
    <label className="check">
      <input
        type="checkbox"
        checked={checked}
        onChange={() => onChange(checked ? list.filter((other) => other !== name) : [...list, name])}
      />
      {title}
    </label>
  );
}

function Progress() {
  const { phase, what, done } = useLab();
  const [part = "", detail = ""] = what.split(": ");
  const said = { idle: "", running: part, stopped: "Stopped. What had been measured is kept.", done: "Done.", failed: "" }[phase];
  return (
    <div className="progress">
      {phase === "running" && <progress aria-label="Measured so far" max={1} value={done} />}
      <p role="status" aria-label="Progress">
        {said}
      </p>
      {/* Too quick to be read out. */}
      {phase === "running" && (
        <p className="hint" aria-hidden="true">
          {detail || "\u00a0"}
        </p>
      )}
    </div>
  );
}

const FEATURES: Readonly<Record<string, string>> = {
  "shader-f16": "16-bit floats",
  subgroups: "subgroups",
  "timestamp-query": "a clock for kernels",
};

const features = (names: readonly string[]): string =>
  names.map((name) => FEATURES[name] ?? name).join(", ") || "nothing beyond the plain WebGPU";

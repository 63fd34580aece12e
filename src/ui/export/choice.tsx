/** What was trained, to take away: an adapter, a whole model, ONNX, or the run as JSON. */
import { useEffect, useId, useState } from "react";
import type { Fault } from "../../gpu/device.ts";
import { faultFrom } from "../../store/engine.ts";
import { CONTENTS, canExport, exportLane, forgetExport, pythonLines, useExporting } from "../../store/exporting.ts";
import { findMethod, type Method } from "../../store/methods.ts";
import { useModels } from "../../store/models.ts";
import { useRace } from "../../store/race.ts";
import { exportRun, useSeedPlace } from "../../store/studies.ts";
import type { ExportOptions } from "../../train/protocol.ts";
import { type Look, looksOf, titleOf } from "../look.ts";
import { FaultText, Notice } from "../parts/notice.tsx";
import { Swatch } from "../parts/swatch.tsx";
import "./export.css";
import { Code } from "./code.tsx";
import { Result } from "./result.tsx";

type Form = ExportOptions["form"] | "run";

export default function Choice() {
  const config = useRace((race) => race.config);
  const ready = useRace((race) => canExport(race.phase));
  useEffect(() => forgetExport, []);
  const [lane, setLane] = useState(0);
  const [form, setForm] = useState<Form>(ready ? "peft" : "run");
  const [transformers, setTransformers] = useState<4 | 5>(5);
  const [perModule, setPerModule] = useState(false);
  const looks = looksOf(config?.lanes ?? []);
  const method = findMethod(config?.lanes[lane]?.method ?? "");
  if (!config || !method) return null;
  const forms = formsFor(method);
  const possible = (wanted: Form) => wanted === "run" || (ready && !(wanted === "peft" && method.leaves === "merged"));
  const chosen = possible(form) ? form : ready ? "merged" : "run";
  const options = chosen === "run" ? null : { form: chosen, transformers, perModule: perModule && method.hasBases && chosen === "peft" };
  return (
    <>
      {!ready && <p className="warning">Nothing trained is in the engine now: only the record of the run can be taken. Train first.</p>}
      {looks.length > 1 && <Lanes looks={looks} lane={lane} onChoose={setLane} disabled={chosen === "run"} />}
      <fieldset className="forms">
        <legend>As</legend>
        {forms.map(({ id, title, says }) => (
          <label key={id} className={`check form ${possible(id) ? "" : "off"}`}>
            <input type="radio" name="form" checked={chosen === id} disabled={!possible(id)} onChange={() => setForm(id)} />
            <span>
              <b>{title}</b> <span className="hint">{says}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {chosen === "peft" && (
        <Options
          transformers={transformers}
          onTransformers={setTransformers}
          hasBases={method.hasBases}
          perModule={perModule}
          onPerModule={setPerModule}
        />
      )}
      {options ? <Take lane={lane} options={options} /> : <TakeRun />}
    </>
  );
}

function formsFor(method: Method): readonly { readonly id: Form; readonly title: string; readonly says: string }[] {
  const peft = {
    own: `the trained numbers alone; PEFT knows ${method.title} and can train it on`,
    lora: `PEFT has no ${method.title}: it leaves as a LoRA with the same update, of a rank that holds it exactly`,
    merged: `${method.title} changes more than an adapter can say: take the merged model`,
  };
  return [
    { id: "peft", title: "PEFT adapter", says: peft[method.leaves] },
    { id: "merged", title: "Merged model", says: "all weights with the update in them, as transformers reads them" },
    { id: "onnx", title: "ONNX", says: "the same as one file for onnxruntime, run here at once to compare its answers" },
    { id: "run", title: "The run as JSON", says: "settings, curves, ranks and results of all lanes; no weights" },
  ];
}

interface LanesProps {
  readonly looks: readonly Look[];
  readonly lane: number;
  readonly disabled: boolean;
  readonly onChoose: (lane: number) => void;
}

function Lanes({ looks, lane, disabled, onChoose }: LanesProps) {
  return (
    <fieldset disabled={disabled}>
      <legend>Lane</legend>
      <div className="row">
        {looks.map((look, index) => (
          <label key={look.name} className="check">
            <input type="radio" name="lane" checked={lane === index} onChange={() => onChoose(index)} />
            <Swatch look={look} /> {look.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

interface OptionsProps {
  readonly transformers: 4 | 5;
  readonly onTransformers: (version: 4 | 5) => void;
  readonly hasBases: boolean;
  readonly perModule: boolean;
  readonly onPerModule: (perModule: boolean) => void;
}

function Options({ transformers, onTransformers, hasBases, perModule, onPerModule }: OptionsProps) {
  const id = useId();
  return (
    <fieldset>
      <legend>Options</legend>
      <div className="row">
        <span>Your transformers version</span>
        {([5, 4] as const).map((version) => (
          <label key={version} className="check">
            <input type="radio" name={id} checked={transformers === version} onChange={() => onTransformers(version)} />
            {version === 5 ? "5 or newer" : version}
          </label>
        ))}
        <span className="hint">
          <code>pip show transformers</code> tells; the names inside the file follow it
        </span>
      </div>
      {hasBases && (
        <label className="check">
          <input type="checkbox" checked={perModule} onChange={(event) => onPerModule(event.target.checked)} />
          Bases under every module <span className="hint">for PEFT 0.20 and older; the file gets much larger</span>
        </label>
      )}
    </fieldset>
  );
}

const VERBS: Readonly<Record<ExportOptions["form"], string>> = {
  peft: "Download adapter",
  merged: "Download model",
  onnx: "Download ONNX",
};
const DOING: Readonly<Record<ExportOptions["form"], string>> = {
  peft: "Reading the trained numbers from the GPU",
  merged: "Merging the update into the weights",
  onnx: "Merging, writing the graph, and running it in onnxruntime",
};

function Take({ lane, options }: { readonly lane: number; readonly options: ExportOptions }) {
  const race = useRace();
  const facts = useModels(({ known }) => known.get(race.config?.model ?? ""));
  const { busy, done, fault } = useExporting();
  const { form } = options;
  const seed = useSeedPlace();
  return (
    <>
      {seed && (
        <p>
          <b>Weights of {seed}:</b>{" "}
          <span className="hint">
            of the race that ran last, whose seed is {race.config?.seed}. For another, make it the First seed, set Number of seeds to 1, and
            train
          </span>
        </p>
      )}
      <p className="hint">
        Inside the zip: {CONTENTS[form].join(", ")}, and README.md, a model card with the data, the settings and the results.
      </p>
      <div className="row end">
        {busy && (
          <p role="status" className="doing">
            {DOING[busy.form]} …
          </p>
        )}
        {/* Not disabled while it works: a button that is loses the focus. */}
        <button
          type="button"
          className="primary"
          aria-disabled={busy !== null}
          onClick={() => busy === null && void exportLane(race, lane, options)}
        >
          {VERBS[form]}
        </button>
      </div>
      {busy && <progress aria-label="Export" />}
      {fault && (
        <Notice kind="error">
          <FaultText title={`${titleOf(race.config?.lanes[lane]?.method ?? "")} could not be exported`} fault={fault} />
        </Notice>
      )}
      {done && done.lane === lane && done.form === form && <Result done={done} />}
      {facts && <Code text={pythonLines(race, facts, options)} />}
    </>
  );
}

function TakeRun() {
  const [fault, setFault] = useState<Fault | null>(null);
  const take = () => {
    setFault(null);
    exportRun().catch((error: unknown) => setFault(faultFrom(error, "The run on the page.", "Try again.")));
  };
  return (
    <>
      <div className="row end">
        <button type="button" className="primary" onClick={take}>
          Download JSON
        </button>
      </div>
      {fault && (
        <Notice kind="error">
          <FaultText title="The run could not be written" fault={fault} />
        </Notice>
      )}
    </>
  );
}

/** The settings that hold for every lane. */
import { useId } from "react";
import { MAX_TEMPLATE, NUMBERS, type NumberName, TARGETS } from "../../store/config.ts";
import { useSetup } from "../../store/setup.ts";
import { NumberField } from "../parts/number.tsx";

const NUMBERS_HERE: readonly NumberName[] = ["warmup", "validation", "weightDecay", "clip", "labelSmoothing"];
const TARGET_WORDS: Readonly<Record<string, string>> = { q: "query", k: "key", v: "value", out: "output", fc1: "MLP in", fc2: "MLP out" };

export function Rules() {
  const { config, setNumber, toggleTarget } = useSetup();
  return (
    <>
      <h3>For every lane</h3>
      <p className="hint">The learning rate rises during the warm-up, then follows a cosine to zero.</p>
      {NUMBERS_HERE.map((name) => (
        <NumberField key={name} field={NUMBERS[name]} value={config[name]} slider showHelp onChange={(value) => setNumber(name, value)} />
      ))}
      <fieldset>
        <legend>Adapted layers of every block</legend>
        {TARGETS.map((target) => (
          <label key={target} className="check">
            <input type="checkbox" checked={config.targets.includes(target)} onChange={() => toggleTarget(target)} />
            {target} <span className="hint">{TARGET_WORDS[target]}</span>
          </label>
        ))}
      </fieldset>
      <Head />
    </>
  );
}

function Head() {
  const { config, setHead, setTemplate } = useSetup();
  const id = useId();
  const { head } = config;
  return (
    <fieldset>
      <legend>Classifier</legend>
      <label className="check">
        <input type="radio" name={`${id}-head`} checked={head.kind === "text"} onChange={() => setHead("text")} />
        the class names, read by CLIP
      </label>
      <label className="check">
        <input type="radio" name={`${id}-head`} checked={head.kind === "linear"} onChange={() => setHead("linear")} />a linear layer,
        trained along
      </label>
      {head.kind === "text" && (
        <label className="prompt">
          Prompt
          <input dir="auto" maxLength={MAX_TEMPLATE} value={head.template} onChange={(event) => setTemplate(event.target.value)} />
          {!head.template.includes("{class}") && (
            <span role="alert" className="warning">
              Put {"{class}"} where the class name goes; without it all classes look the same.
            </span>
          )}
        </label>
      )}
    </fieldset>
  );
}

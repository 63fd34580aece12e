/** The settings that hold for every lane. */
import { useId } from "react";
import { MAX_TEMPLATE, NUMBERS, type NumberName } from "../../store/config.ts";
import { useModels } from "../../store/models.ts";
import { useSetup } from "../../store/setup.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { NumberField } from "../parts/number.tsx";
import { TargetFields } from "./targets.tsx";

const NUMBERS_HERE: readonly NumberName[] = ["validation", "test", "warmup", "weightDecay", "clip", "labelSmoothing"];
const PRECISIONS = ["checkpoint", "half"] as const;

export default function Rules() {
  const { config, setNumber, setPrecision } = useSetup();
  const text = useModels(({ known }) => known.get(config.model)?.text ?? true);
  return (
    <>
      <h3>For every lane</h3>
      <Head text={text} />
      <TargetFields tower="image" legend={text ? "Adapted layers, image tower" : "Adapted layers of every block"} />
      {text && config.head.kind === "text" && <TargetFields tower="text" legend="Adapted layers, text tower" />}
      <ChoiceField
        label="Frozen weights"
        help="Half keeps them in 16 bits, for half the memory; sums are 32 bits either way."
        choices={["as the checkpoint", "half"]}
        value={PRECISIONS.indexOf(config.precision)}
        onChange={(index) => setPrecision(PRECISIONS[index] ?? "checkpoint")}
      />
      <p className="hint">The learning rate rises during the warm-up, then follows a cosine to zero.</p>
      {NUMBERS_HERE.map((name) => (
        <NumberField key={name} field={NUMBERS[name]} value={config[name]} slider showHelp onChange={(value) => setNumber(name, value)} />
      ))}
    </>
  );
}

function Head({ text }: { readonly text: boolean }) {
  const { config, setHead, setTemplate } = useSetup();
  const id = useId();
  const { head } = config;
  if (!text)
    return (
      <fieldset>
        <legend>Classifier</legend>
        <p>
          A linear layer, trained along: this model has no text tower that could read class names, or tokenizer.json and
          tokenizer_config.json are not beside it.
        </p>
      </fieldset>
    );
  return (
    <fieldset>
      <legend>Classifier</legend>
      <label className="check">
        <input type="radio" name={`${id}-head`} checked={head.kind === "text"} onChange={() => setHead("text")} />
        the class names, read by the model
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

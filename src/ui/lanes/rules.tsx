/** The settings that hold for every lane. */
import { Fragment, useId } from "react";
import { AMOUNTS, isAmount, MAX_TEMPLATE, NUMBERS, type NumberName } from "../../store/config.ts";
import { useModels } from "../../store/models.ts";
import { useSetup } from "../../store/setup.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { NumberField } from "../parts/number.tsx";
import { Caution } from "../race/cautions.tsx";
import { AugmentFields } from "./augment.tsx";
import { TargetFields } from "./targets.tsx";

const PARTS: readonly NumberName[] = ["validation", "test"];
const LEARNING: readonly NumberName[] = ["warmup", "weightDecay", "clip", "labelSmoothing"];
const AMOUNT_NAMES = Object.keys(AMOUNTS).filter(isAmount);
const PRECISIONS = ["checkpoint", "half"] as const;

export default function Rules() {
  const { config, setAmount, setPrecision } = useSetup();
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
      <Numbers names={PARTS} />
      <ChoiceField
        label="Trained on"
        help="Few images per class make few-shot learning; which ones they are follows from the seed, and few are among the more."
        choices={AMOUNT_NAMES.map((amount) => AMOUNTS[amount])}
        value={AMOUNT_NAMES.indexOf(config.amount)}
        onChange={(index) => setAmount(AMOUNT_NAMES[index] ?? "all")}
      />
      <Balance />
      <AugmentFields />
      <p className="hint">The learning rate rises during the warm-up, then follows a cosine to zero.</p>
      <Numbers names={LEARNING} />
    </>
  );
}

function Numbers({ names }: { readonly names: readonly NumberName[] }) {
  const { config, setNumber } = useSetup();
  return names.map((name) => (
    <Fragment key={name}>
      <NumberField field={NUMBERS[name]} value={config[name]} slider showHelp onChange={(value) => setNumber(name, value)} />
      <Caution field={name} />
    </Fragment>
  ));
}

function Balance() {
  const { config, setBalance } = useSetup();
  const id = useId();
  return (
    <div>
      <label className="check">
        <input
          type="checkbox"
          checked={config.balance}
          aria-describedby={`${id}-help`}
          onChange={(event) => setBalance(event.target.checked)}
        />
        Every class counts the same
      </label>
      <p id={`${id}-help`} className="help">
        Weights the loss by n / (classes × images of the class), so that rare classes are not drowned out.
      </p>
    </div>
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

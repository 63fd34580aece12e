/** How training images are seen anew in every step. */
import { useId } from "react";
import { AUGMENTS } from "../../store/config.ts";
import { useSetup } from "../../store/setup.ts";
import { NumberField } from "../parts/number.tsx";

const NUMBERS_HERE = ["shift", "crop", "colour", "rand"] as const;

export function AugmentFields() {
  const { config, setAugment } = useSetup();
  const { augment } = config;
  const id = useId();
  return (
    <fieldset className="augment">
      <legend>Augmentation</legend>
      <p className="help">
        Training images look different in every step, so that they are not learned by heart. Measured ones stay as they are.
      </p>
      <label className="check">
        <input
          type="checkbox"
          checked={augment.flip === 1}
          aria-describedby={`${id}-flip`}
          onChange={(event) => setAugment("flip", event.target.checked ? 1 : 0)}
        />
        {AUGMENTS.flip.label}
      </label>
      <p id={`${id}-flip`} className="help">
        {AUGMENTS.flip.help}
      </p>
      {NUMBERS_HERE.map((name) => (
        <NumberField
          key={name}
          field={AUGMENTS[name]}
          value={augment[name]}
          slider
          showHelp
          onChange={(value) => setAugment(name, value)}
        />
      ))}
    </fieldset>
  );
}

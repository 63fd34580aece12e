/** How training images are seen anew in every step. */
import { useEffect, useId, useMemo, useState } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { AUGMENTS } from "../../store/config.ts";
import { faultFrom } from "../../store/engine.ts";
import { useImages } from "../../store/images.ts";
import { askEngine } from "../../store/models.ts";
import { useSetup } from "../../store/setup.ts";
import { usePixels } from "../images/pixels.ts";
import { Thumbs } from "../images/thumbs.tsx";
import { NumberField } from "../parts/number.tsx";
import "./augment.css";

const NUMBERS_HERE = ["shift", "crop", "colour", "rand"] as const;

/** Images that are shown. */
const SHOWN = 6;
/** A slider that is dragged asks once it rests. */
const REST_MS = 120;

export function AugmentFields() {
  const { config, setAugment } = useSetup();
  const dataset = useImages((images) => images.dataset);
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
      {dataset && <Preview dataset={dataset} />}
    </fieldset>
  );
}

/** Some of the images, as they are and as a step may see them; drawn by the kernel that trains. */
function Preview({ dataset }: { readonly dataset: Dataset }) {
  const { augment, seed } = useSetup((setup) => setup.config);
  const [step, setStep] = useState(0);
  const [seen, setSeen] = useState<readonly Uint8Array[]>([]);
  const [problem, setProblem] = useState<string | null>(null);
  const picked = useMemo(() => spread(dataset.labels.length), [dataset]);
  const images = usePixels(dataset, picked);
  const { size } = dataset;
  useEffect(() => {
    if (images.length === 0) return;
    const asking = new AbortController();
    const { signal } = asking;
    const ask = async () => {
      try {
        const answer = await askEngine({ type: "look", look: { augment, seed, step, size, images } }, { signal });
        setSeen(answer.images);
        setProblem(null);
      } catch (error) {
        if (signal.aborted) return;
        const { what, todo } = faultFrom(error, "", "Draw again.");
        setProblem(`${what} ${todo}`);
      }
    };
    const timer = setTimeout(() => void ask(), REST_MS);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [augment, seed, step, size, images]);
  return (
    <figure className="seen">
      <Thumbs images={images} size={size} places={picked.length} label={`${picked.length} images as they are`} />
      <Thumbs images={seen} size={size} places={picked.length} label="The same images as a step may see them" />
      <figcaption>{problem ?? "Above as they are, below as a step may see them."}</figcaption>
      <button type="button" onClick={() => setStep(step + 1)}>
        Draw again
      </button>
    </figure>
  );
}

/** A few images, from the first to the last. */
function spread(count: number): readonly number[] {
  const shown = Math.min(SHOWN, count);
  return Array.from({ length: shown }, (_, i) => Math.floor(((i + 0.5) * count) / shown));
}

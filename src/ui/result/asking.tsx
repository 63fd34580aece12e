/** Drop any image and see what every lane makes of it. */

import type { ClipboardEvent } from "react";
import { readPixels } from "../../data/pixels.ts";
import { useImages } from "../../store/images.ts";
import { type Asked, ask, askFiles, canAnswer, forget, usePredictions } from "../../store/predictions.ts";
import { useRace } from "../../store/race.ts";
import { useSeedPlace } from "../../store/studies.ts";
import { Thumbs } from "../images/thumbs.tsx";
import type { Look } from "../look.ts";
import { Choose } from "../parts/drop.tsx";
import { Icon } from "../parts/icon.tsx";
import { Odds } from "./odds.tsx";

export function Asking({ looks }: { readonly looks: readonly Look[] }) {
  const { asked, problem } = usePredictions();
  const phase = useRace((race) => race.phase);
  const classes = useRace((race) => race.dataset?.classes) ?? [];
  const seed = useSeedPlace();
  const paste = (event: ClipboardEvent) => {
    const images = [...event.clipboardData.files].filter(({ type }) => type.startsWith("image/"));
    if (images.length === 0) return;
    // It is for this place, and not for the images to train on.
    event.preventDefault();
    event.stopPropagation();
    void askFiles(images);
  };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a place to paste into must be reachable by keyboard
    <section className="asking" aria-label="Try an image" tabIndex={0} onPaste={paste}>
      <h3>Try an image {seed && <span className="hint">answers are of {seed}</span>}</h3>
      <div className="row">
        <p className="hint">Drop any image here, or click here and paste one: every method answers, and answers again as it learns.</p>
        <Choose accept="image/*" onChoose={(files) => void askFiles(files)}>
          Image
        </Choose>
        <AnyImage />
      </div>
      {problem && <p role="alert">{problem}</p>}
      {asked.map((item) => (
        <Answer key={item.id} item={item} looks={looks} classes={classes} waiting={!canAnswer(phase)} />
      ))}
    </section>
  );
}

function AnyImage() {
  const dataset = useImages((images) => images.dataset);
  if (!dataset || dataset.labels.length === 0) return null;
  const draw = async () => {
    const index = Math.floor(Math.random() * dataset.labels.length);
    const truth = dataset.classes[dataset.labels[index] ?? 0] ?? null;
    const [pixels] = await readPixels(dataset, [index]);
    if (pixels) ask({ name: dataset.sources[index] ?? "", pixels, size: dataset.size, truth });
  };
  return (
    <button type="button" onClick={() => void draw()}>
      Any of mine
    </button>
  );
}

interface AnswerProps {
  readonly item: Asked;
  readonly looks: readonly Look[];
  readonly classes: readonly string[];
  readonly waiting: boolean;
}

function Answer({ item, looks, classes, waiting }: AnswerProps) {
  const { answer, truth, name } = item;
  return (
    <fieldset aria-label={`Prediction for ${name}`} className="answer">
      <div className="answer-head">
        <Thumbs images={[item.pixels]} size={item.size} label={name} />
        <p>
          <span dir="auto" className="file">
            {name}
          </span>
          {truth && (
            <span className="hint">
              is <b dir="auto">{truth}</b>
            </span>
          )}
          {answer ? (
            <span className="hint">after step {answer.step}</span>
          ) : (
            <span className="hint">{waiting ? "answered once a race has begun" : "asking …"}</span>
          )}
        </p>
        <button type="button" className="quiet" aria-label={`Dismiss ${name}`} onClick={() => forget(item.id)}>
          <Icon name="close" />
        </button>
      </div>
      {answer && <Odds prediction={answer.prediction} looks={looks} classes={classes} truth={truth} />}
    </fieldset>
  );
}

/** Drop any image and see what every lane makes of it. */

import { readPixels } from "../../data/pixels.ts";
import { useImages } from "../../store/images.ts";
import { type Asked, ask, askFiles, canAnswer, forget, usePredictions } from "../../store/predictions.ts";
import { useRace } from "../../store/race.ts";
import { Thumbs } from "../images/thumbs.tsx";
import type { Look } from "../look.ts";
import { percent } from "../numbers.ts";
import { Choose } from "../parts/drop.tsx";
import { Icon } from "../parts/icon.tsx";

const SHOWN = 3;

export function Asking({ looks }: { readonly looks: readonly Look[] }) {
  const { asked, problem } = usePredictions();
  const phase = useRace((race) => race.phase);
  const classes = useRace((race) => race.dataset?.classes) ?? [];
  return (
    <div className="asking">
      <h3>Try an image</h3>
      <div className="row">
        <p className="hint">Drop any image here: every method answers, and answers again as it learns.</p>
        <Choose accept="image/*" onChoose={(files) => void askFiles(files)}>
          Image
        </Choose>
        <AnyImage />
      </div>
      {problem && <p role="alert">{problem}</p>}
      {asked.map((item) => (
        <Answer key={item.id} item={item} looks={looks} classes={classes} waiting={!canAnswer(phase)} />
      ))}
    </div>
  );
}

function AnyImage() {
  const dataset = useImages((images) => images.dataset);
  if (!dataset) return null;
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
  const lanes = answer
    ? [
        ...looks.map((look, lane) => ({ name: look.name, color: look.color, odds: answer.prediction.lanes[lane] })),
        { name: "before training", color: "var(--ink-3)", odds: answer.prediction.before },
      ].filter(({ odds }) => odds !== undefined)
    : [];
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
      {lanes.map(({ name: lane, color, odds }) => (
        <div key={lane} className="odds">
          <h4 style={{ color }}>{lane}</h4>
          <ol>
            {best(odds).map(({ label, share }) => (
              <li key={label} className={classes[label] === truth ? "true" : ""}>
                <span className="bar" aria-hidden="true">
                  <i style={{ width: `${share * 100}%`, background: color }} />
                </span>
                <span dir="auto" className="odds-name">
                  {classes[label]}
                  {classes[label] === truth && <span title="right"> ✓</span>}
                </span>
                <b>{percent(share)}</b>
              </li>
            ))}
          </ol>
        </div>
      ))}
    </fieldset>
  );
}

function best(odds: Float32Array | undefined): { readonly label: number; readonly share: number }[] {
  return Array.from(odds ?? [], (share, label) => ({ label, share }))
    .sort((a, b) => b.share - a.share)
    .slice(0, SHOWN);
}

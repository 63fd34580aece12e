/** What every lane makes of one image, and what the model made of it before training: the likeliest classes of each. */
import type { Prediction } from "../../train/run.ts";
import type { Look } from "../look.ts";
import { percent } from "../numbers.ts";

const SHOWN = 3;

interface Props {
  readonly prediction: Prediction;
  readonly looks: readonly Look[];
  readonly classes: readonly string[];
  /** The right class, where it is known. */
  readonly truth: string | null;
}

export function Odds({ prediction, looks, classes, truth }: Props) {
  const lanes = [
    ...looks.map((look, lane) => ({ name: look.name, color: look.color, odds: prediction.lanes[lane] })),
    { name: "before training", color: "var(--ink-3)", odds: prediction.before },
  ].filter(({ odds }) => odds !== undefined);
  return lanes.map(({ name, color, odds }) => (
    <div key={name} className="odds">
      <h4 style={{ color }}>{name}</h4>
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
  ));
}

function best(odds: Float32Array | undefined): { readonly label: number; readonly share: number }[] {
  return Array.from(odds ?? [], (share, label) => ({ label, share }))
    .sort((a, b) => b.share - a.share)
    .slice(0, SHOWN);
}

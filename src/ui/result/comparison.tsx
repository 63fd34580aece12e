/** The methods side by side: one column each, filled in as the race goes on. */
import type { ReactNode } from "react";
import type { Judgement, LaneJudgement } from "../../analysis/judge.ts";
import type { LaneFigures } from "../../store/studyfigures.ts";
import { leadersOf } from "../../store/verdict.ts";
import type { Look } from "../look.ts";
import { bytes, count, loss, milliseconds, percent, plural, short } from "../numbers.ts";
import { Swatch } from "../parts/swatch.tsx";
import { Term } from "../parts/term.tsx";

interface Props {
  readonly looks: readonly Look[];
  /** By lane. */
  readonly figures: readonly LaneFigures[];
  readonly judged: Judgement | null;
  /** What the accuracy before the first step is called: it differs for a model that reads class names. */
  readonly before: string;
  readonly part: "test" | "validation";
  /** Races that the figures are means of. */
  readonly seeds: number;
}

interface Line {
  readonly name: string;
  readonly explains: string;
  readonly write: (lane: number) => ReactNode;
  readonly strong?: boolean;
}

const NONE = "–";

export function Comparison(props: Props) {
  const { looks, judged } = props;
  const leaders = judged ? leadersOf(judged) : [];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard
    <section className="scroll" aria-label="Comparison" tabIndex={0}>
      <table className={looks.length > 2 ? "comparison many" : "comparison"}>
        <thead>
          <tr>
            <td />
            {looks.map((look, lane) => (
              <th key={look.name} scope="col" style={{ color: look.color }}>
                <Swatch look={look} />
                {look.label.replace(/ r (?=\d)/, " r\u00a0")}
                {leaders.includes(lane) && <span className="leads">▲ ahead</span>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {linesOf(props).map(({ name, explains, write, strong }) => (
            <tr key={name} className={strong ? "strong" : ""}>
              <th scope="row">
                <Term explains={<p>{explains}</p>}>{name}</Term>
              </th>
              {looks.map((look, lane) => (
                <td key={look.name}>{write(lane)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function linesOf({ figures, judged, before, part, seeds }: Props): readonly Line[] {
  const means = seeds > 1 ? ` Mean over ${plural(seeds, "seed")}.` : "";
  const of = (lane: number): Partial<LaneFigures> => figures[lane] ?? {};
  const known = <T,>(value: T | null | undefined, write: (value: T) => ReactNode): ReactNode =>
    value === null || value === undefined ? NONE : write(value);
  // Then it is another set of images than that of the accuracy above it.
  const elsewhere = part === "test" && figures.some((lane) => lane.before !== null && lane.beforeOn === "validation");
  return [
    {
      name: part === "test" ? "Test accuracy" : "Accuracy",
      strong: true,
      explains: `Share of the ${part === "test" ? "test images, measured once after the last step," : "validation images"} whose most likely class is right, with its 95 % interval: ${seeds > 1 ? "images and seeds" : "images"} drawn again 4,000 times (bootstrap).${means}`,
      write: (lane) => <Accuracy judged={judged?.lanes[lane] ?? null} diverged={of(lane).diverged ?? []} asked={seeds} />,
    },
    {
      name: "Balanced",
      explains: `The same with every class counting alike: the mean over the classes of the share of each that is right.${means}`,
      write: (lane) => known(judged?.lanes[lane], ({ balanced }) => percent(balanced)),
    },
    {
      name: elsewhere ? `${before}, validation` : before,
      explains: `Accuracy on the ${elsewhere || part === "validation" ? "validation" : "same test"} images before the first step: what the model, or an imported adapter, knows without this training.${elsewhere ? " The test images were not measured then, so that this is not to be set against the line above." : ""}${means}`,
      write: (lane) => known(of(lane).before, percent),
    },
    {
      name: "Held-out loss",
      explains: `Cross-entropy on the same images; lower is better.${means}`,
      write: (lane) => known(of(lane).loss, loss),
    },
    {
      name: "Effective rank",
      strong: true,
      explains: `exp(entropy) of the singular values of ΔW, averaged over the adapted layers: how many directions the update really uses.${means}`,
      write: (lane) => rankCell(of(lane), of(lane).effectiveRank, 1),
    },
    {
      name: "Above 1 %",
      explains: `Singular values above 1 % of the largest, averaged over the adapted layers. LoRA can never have more than r.${means}`,
      write: (lane) => rankCell(of(lane), of(lane).above1Percent, 0),
    },
    {
      name: "Trained",
      explains: "Trainable parameters. Everything else of the model stays frozen.",
      write: (lane) => known(of(lane).parameters || null, (parameters) => <span title={count(parameters)}>{short(parameters)}</span>),
    },
    {
      name: "Exported",
      explains:
        "The file of weights that this method leaves as: a PEFT adapter, or the merged model where no adapter can say what it changes.",
      write: (lane) =>
        known(of(lane).exported, ({ form, bytes: size }) => (
          <span title={`${count(size)} bytes`}>
            {bytes(size)}
            {form === "merged" && <small> merged</small>}
          </span>
        )),
    },
    {
      name: "Step time",
      explains: `Time of one training step of this method alone.${means}`,
      write: (lane) => known(of(lane).msPerStep, milliseconds),
    },
    {
      name: "Memory",
      explains:
        "On the GPU for this method: its trained numbers, AdamW's state for them, and its frozen bases. Shared parts are listed below.",
      write: (lane) => known(of(lane).memory, ({ trainable, optimizer, frozen }) => bytes(trainable + optimizer + frozen)),
    },
  ];
}

function rankCell({ changesNothing }: Partial<LaneFigures>, rank: number | null | undefined, digits: number): ReactNode {
  if (changesNothing) return <span className="none">changes no weight matrix</span>;
  return rank === null || rank === undefined ? NONE : rank.toFixed(digits);
}

interface AccuracyProps {
  readonly judged: LaneJudgement | null;
  readonly diverged: LaneFigures["diverged"];
  readonly asked: number;
}

function Accuracy({ judged, diverged, asked }: AccuracyProps) {
  return (
    <>
      {judged ? (
        <span title={`${percent(judged.low)} to ${percent(judged.high)}`}>
          {percent(judged.accuracy)} <small>± {((judged.high - judged.low) * 50).toFixed(1)}</small>
        </span>
      ) : diverged.length === 0 ? (
        NONE
      ) : null}
      {diverged.length > 0 && (
        <span className="diverged" title={diverged.map(({ seed, step }) => `seed ${seed}: at step ${step}`).join("; ")}>
          {asked > 1 ? `diverged in ${diverged.length} of ${asked} seeds` : `diverged at step ${diverged[0]?.step}`}
        </span>
      )}
    </>
  );
}

/** The methods side by side: one column each, filled in as the race goes on. */
import type { ReactNode } from "react";
import { laneParameters } from "../../store/config.ts";
import { useModels } from "../../store/models.ts";
import { changesNoMatrix, isZeroShot, type LaneRun, meanRank, type RunState, zeroShot } from "../../store/run.ts";
import { useSetup } from "../../store/setup.ts";
import { latestScores, scoreOf } from "../../store/verdict.ts";
import type { Look } from "../look.ts";
import { bytes, count, loss, milliseconds, percent, short } from "../numbers.ts";
import { Swatch } from "../parts/swatch.tsx";
import { Term } from "../parts/term.tsx";

interface Props {
  readonly race: RunState;
  readonly looks: readonly Look[];
}

interface Line {
  readonly name: string;
  readonly explains: string;
  readonly cells: readonly ReactNode[];
  readonly strong?: boolean;
}

const NONE = "–";

export function Comparison({ race, looks }: Props) {
  const lines = useLines(race, looks);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard
    <section className="scroll" aria-label="Comparison" tabIndex={0}>
      <table className={looks.length > 2 ? "comparison many" : "comparison"}>
        <thead>
          <tr>
            <td />
            {looks.map((look) => (
              <th key={look.name} scope="col" style={{ color: look.color }}>
                <Swatch look={look} />
                {look.label.replace(/ r (?=\d)/, " r\u00a0")}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lines.map(({ name, explains, cells, strong }) => (
            <tr key={name} className={strong ? "strong" : ""}>
              <th scope="row">
                <Term explains={<p>{explains}</p>}>{name}</Term>
              </th>
              {cells.map((cell, lane) => (
                <td key={looks[lane]?.name}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** BitFit and a linear probe have no ΔW whose rank could be asked for. */
function rankCell(lane: LaneRun | undefined, write: (rank: NonNullable<ReturnType<typeof meanRank>>) => string): ReactNode {
  if (changesNoMatrix(lane?.rank)) return <span className="none">changes no weight matrix</span>;
  const rank = meanRank(lane);
  return rank ? write(rank) : NONE;
}

function useLines(race: RunState, looks: readonly Look[]): readonly Line[] {
  const planned = useSetup((setup) => setup.config);
  useModels((models) => models.known); // sizes follow from the model
  const config = race.config ?? planned;
  const scores = latestScores(race);
  const before = zeroShot(race);
  const last = race.validations.at(-1);
  const each = (write: (lane: number) => ReactNode) => looks.map((_, lane) => write(lane));
  const trained = (last?.step ?? 0) > 0;
  return [
    {
      name: race.answers?.part === "test" ? "Test accuracy" : "Accuracy",
      strong: true,
      explains: `Share of the ${race.answers?.part === "test" ? "test images, measured once after the last step," : "validation images"} whose most likely class is right, with the 95 % interval (Wilson) for that many images.`,
      cells: each((lane) => {
        const score = scores[lane];
        if (!score || !trained) return NONE;
        return (
          <>
            {percent(score.accuracy)} <small>± {(score.margin * 100).toFixed(1)}</small>
          </>
        );
      }),
    },
    {
      name: isZeroShot(config) ? "Zero-shot" : "Before",
      explains: "The same measure before the first step: what the model, or an imported adapter, knows without this training.",
      cells: each((lane) => {
        const own = before?.lanes[lane];
        return own && before ? percent(scoreOf(own.correct, before.images).accuracy) : NONE;
      }),
    },
    {
      name: "Held-out loss",
      explains: "Cross-entropy on the held-out images; lower is better.",
      cells: each((lane) => loss(last?.lanes[lane]?.loss)),
    },
    {
      name: "Effective rank",
      strong: true,
      explains: "exp(entropy) of the singular values of ΔW, averaged over the adapted layers: how many directions the update really uses.",
      cells: each((lane) => rankCell(race.lanes[lane], ({ effective }) => effective.toFixed(1))),
    },
    {
      name: "Above 1 %",
      explains: "Singular values above 1 % of the largest, averaged over the adapted layers. LoRA can never have more than r.",
      cells: each((lane) => rankCell(race.lanes[lane], ({ above }) => above.toFixed(0))),
    },
    {
      name: "Trained",
      explains: "Trainable parameters. Everything else of the model stays frozen.",
      cells: each((lane) => {
        const lanes = config.lanes[lane];
        const parameters = race.lanes[lane]?.parameters ?? (lanes ? laneParameters(config, lanes) : 0);
        return parameters > 0 ? <span title={count(parameters)}>{short(parameters)}</span> : NONE;
      }),
    },
    {
      name: "Step time",
      explains: "Time of one training step of this method alone.",
      cells: each((lane) => {
        const time = race.lanes[lane]?.msPerStep;
        return typeof time === "number" ? milliseconds(time) : NONE;
      }),
    },
    {
      name: "Memory",
      explains:
        "On the GPU for this method: its trained numbers, AdamW's state for them, and its frozen bases. Shared parts are listed below.",
      cells: each((lane) => {
        const own = race.memory?.lanes[lane];
        return own ? bytes(own.trainable + own.optimizer + own.frozen) : NONE;
      }),
    },
  ];
}

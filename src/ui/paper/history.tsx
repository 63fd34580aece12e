/** How the rank of every layer came about: a heat map of layers over steps for each lane, all on one scale. */
import { useMemo, useState } from "react";
import { useShallow } from "zustand/react/shallow";
import { blocksOf, layerName, layersOf } from "../../store/layers.ts";
import { useRace } from "../../store/race.ts";
import { measured, type RankMeasure, type RankMoment, type RankThen } from "../../store/ranks.ts";
import type { Look } from "../look.ts";
import { count, plain } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Figure } from "../parts/figure.tsx";
import { Heat, Scale } from "./heat.tsx";
import { Source } from "./source.tsx";

const MEASURES: readonly { readonly id: RankMeasure; readonly title: string }[] = [
  { id: "effective", title: "Effective rank" },
  { id: "stable", title: "Stable rank" },
  { id: "above", title: "Values above 1 %" },
];

export function History({ looks }: { readonly looks: readonly Look[] }) {
  const histories = useRace(useShallow((race) => race.lanes.map(({ history }) => history)));
  const [chosen, setChosen] = useState(0);
  const { id: measure, title } = MEASURES[chosen] ?? { id: "effective", title: "" };
  const layers = useMemo(() => layersOf(histories.map((history) => history.at(-1)?.layers ?? [])), [histories]);
  const most = greatest(histories, measure);
  const blocks = blocksOf(layers);
  const breaks = blocks.slice(1).map(([first]) => layers.indexOf(first as RankThen));
  const some = histories.some((history) => history.length > 0);
  return (
    <Figure
      className="history"
      title="Rank over time"
      finding={findingOf(histories, looks, measure)}
      table={() => ({
        head: ["Layer, step", ...looks.map(({ name }) => name)],
        rows: layers.flatMap((layer) =>
          stepsOf(histories).map((step) => [
            `${layerName(layer, layers)}, ${step}`,
            ...histories.map((history) => written(at(history, step, layer.path), measure)),
          ]),
        ),
      })}
    >
      <div className="paper-controls">
        <ChoiceField label="Show" choices={MEASURES.map((one) => one.title)} value={chosen} onChange={setChosen} />
        <Source of="rank" />
      </div>
      {some ? (
        <>
          <div className="heats">
            {histories.map((history, lane) => (
              <section key={looks[lane]?.name} aria-label={looks[lane]?.name}>
                <h4 style={{ color: looks[lane]?.color }}>{looks[lane]?.name}</h4>
                {history.length > 0 && layers.length > 0 ? (
                  <div className="heat-with-blocks">
                    <Blocks blocks={blocks} />
                    <Heat
                      label={`${title} of ${looks[lane]?.name}, layers over steps`}
                      rows={layers.length}
                      columns={history.length}
                      value={(row, column) => measured(find(history[column], layers[row]?.path), measure)}
                      most={most}
                      breaks={breaks}
                      describe={(row, column) =>
                        `${named(layers[row], layers)}, step ${count(history[column]?.step ?? 0)}: ${written(find(history[column], layers[row]?.path), measure)}`
                      }
                    />
                    <p className="heat-steps">
                      <span>step {count(history[0]?.step ?? 0)}</span>
                      <span>{history.length > 1 && count(history.at(-1)?.step ?? 0)}</span>
                    </p>
                  </div>
                ) : (
                  <p className="hint">{history.length > 0 ? "It changes no weight matrix." : "Not measured yet."}</p>
                )}
              </section>
            ))}
          </div>
          <Scale most={plain(most)} none="none: zero, or not finite" />
        </>
      ) : (
        <p className="hint">Train, and every measurement adds a column.</p>
      )}
    </Figure>
  );
}

/** The blocks' numbers beside their rows. */
function Blocks({ blocks }: { readonly blocks: readonly (readonly RankThen[])[] }) {
  return (
    <ol className="heat-blocks" aria-hidden="true">
      {blocks.map((block) => (
        <li key={block[0]?.path} style={{ flexGrow: block.length }}>
          {(block[0]?.block ?? 0) + 1}
        </li>
      ))}
    </ol>
  );
}

const named = (layer: RankThen | undefined, all: readonly RankThen[]): string => (layer ? layerName(layer, all) : "");
const find = (moment: RankMoment | undefined, path: string | undefined) => moment?.layers.find((layer) => layer.path === path);
const at = (history: readonly RankMoment[], step: number, path: string) =>
  find(
    history.find((moment) => moment.step === step),
    path,
  );
const stepsOf = (histories: readonly (readonly RankMoment[])[]): number[] =>
  [...new Set(histories.flatMap((history) => history.map(({ step }) => step)))].sort((a, b) => a - b);

function written(rank: RankThen | undefined, measure: RankMeasure): string {
  const value = measured(rank, measure);
  if (!Number.isFinite(value)) return "none";
  return measure === "above" ? count(value) : value.toFixed(1);
}

/** Of all lanes, so that one colour means one number. */
function greatest(histories: readonly (readonly RankMoment[])[], measure: RankMeasure): number {
  let most = 1;
  for (const history of histories)
    for (const { layers } of history)
      for (const layer of layers) {
        const value = measured(layer, measure);
        if (value > most) most = value;
      }
  return most;
}

function findingOf(histories: readonly (readonly RankMoment[])[], looks: readonly Look[], measure: RankMeasure): string {
  const each = histories.flatMap((history, lane) => {
    const means = [history[0], history.at(-1)].map((moment) => meanOf(moment, measure));
    const [first, last] = means as [number, number];
    if (!Number.isFinite(last)) return [];
    const way =
      Number.isFinite(first) && history.length > 1 ? `went from ${first.toFixed(1)} to ${last.toFixed(1)}` : `is at ${last.toFixed(1)}`;
    return [`${looks[lane]?.name} ${way}`];
  });
  return each.length > 0 ? `Mean over the layers: ${each.join(", ")}.` : "No update has a rank yet.";
}

function meanOf(moment: RankMoment | undefined, measure: RankMeasure): number {
  const values = (moment?.layers ?? []).map((layer) => measured(layer, measure)).filter(Number.isFinite);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

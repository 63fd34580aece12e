/** The picture to remember: the singular values of one layer's update, LoRA's wall beside RandLoRA's full spectrum. */
import { memo, Suspense, useDeferredValue, useMemo, useState } from "react";
import { useShallow } from "zustand/react/shallow";
import { FLOOR } from "../../analysis/spectrum.ts";
import { layerName, layersOf } from "../../store/layers.ts";
import { useRace } from "../../store/race.ts";
import { changesNoMatrix, type LaneRun } from "../../store/run.ts";
import type { LayerRank } from "../../train/run.ts";
import type { Look } from "../look.ts";
import { isTruth } from "../paper/truth.ts";
import { Figure } from "../parts/figure.tsx";
import { later } from "../parts/later.tsx";
import { Term } from "../parts/term.tsx";
import { Layers } from "./layers.tsx";
import { Sketch } from "./sketch.tsx";
import { type Spectrum, spectrumOf } from "./wall.ts";

const NO_RANKS: readonly LaneRun["rank"][] = [];

/** The charting library is fetched once there is something to draw. */
const Singular = later(() => import("./singular.tsx"));

/** Apart from the losses, which change with every batch. */
export const Spectra = memo(function Spectra({ looks }: { readonly looks: readonly Look[] }) {
  const newest = useRace(useShallow((race) => race.lanes.map((lane) => lane.rank)));
  // Drawn in pieces, after what is urgent.
  const ranks = useDeferredValue(newest, NO_RANKS);
  const lanes = useRace((race) => race.config?.lanes);
  const layers = useMemo(() => layersOf(ranks.map((rank) => rank?.layers ?? [])), [ranks]);
  const [chosen, setChosen] = useState<string>();
  const [pointed, setPointed] = useState<string>();
  const shown = (path: string | undefined) => layers.find((layer) => layer.path === path);
  // Once there are layers, the one that is shown stays, whatever others come.
  if (layers.length > 0 && !shown(chosen)) setChosen(startLayer(layers)?.path);
  const layer = shown(pointed) ?? shown(chosen);
  const spectra = looks.flatMap((look, index) => {
    const found = ranks[index]?.layers.find(({ path }) => path === layer?.path);
    const spectrum = found && spectrumOf(found);
    return spectrum ? [{ ...look, ...spectrum, truth: isTruth(lanes?.[index]) }] : [];
  });
  const step = Math.max(0, ...ranks.map((rank) => rank?.step ?? 0));
  const imported = lanes?.some(({ adapter }) => adapter !== undefined) ?? false;
  const rankless = looks.flatMap(({ name }, index) => (changesNoMatrix(ranks[index]) ? [name] : []));
  const sketch = <Sketch lanes={lanes} />;
  return (
    <Figure
      className="spectrum"
      title={
        <>
          <Term explains={<RankHelp />}>Rank of the update</Term>
          {layer && <span className="where">{layerName(layer, layers)}</span>}
        </>
      }
      finding={[findingOf(layer, spectra, step, { imported, rankless }), ...rankless.map(saysNothing)].join(" ").trim()}
      table={() => ({
        head: ["Direction", ...spectra.map(({ name }) => `${name} σ / σ₁`)],
        rows: Array.from({ length: Math.max(0, ...spectra.map(({ values }) => values.length)) }, (_, index) => [
          String(index + 1),
          ...spectra.map(({ values }) => ((values[index] ?? 0) <= FLOOR ? "0" : (values[index] ?? 0).toExponential(2))),
        ]),
      })}
    >
      <Counts spectra={spectra} />
      <Suspense fallback={sketch}>
        {spectra.length > 0 ? <Singular spectra={spectra} label={layer ? layerName(layer, layers) : ""} /> : sketch}
      </Suspense>
      <Layers layers={layers} ranks={ranks} looks={looks} chosen={layer?.path} onChoose={setChosen} onPoint={setPointed} />
    </Figure>
  );
});

function Counts({ spectra }: { readonly spectra: readonly Spectrum[] }) {
  if (spectra.length === 0) return null;
  return (
    <div className="row counted">
      <dl className="counts">
        {spectra.map(({ name, color, effective, stable, above, values }) => (
          <div key={name} style={{ color }}>
            <dt>{name}</dt>
            <dd title="exp(entropy) of the singular values">effective {effective.toFixed(1)}</dd>
            <dd title="‖ΔW‖² / σ₁²">stable {stable.toFixed(1)}</dd>
            <dd title={`singular values above 1 % of the largest, of ${values.length}`}>{above} above 1 %</dd>
          </div>
        ))}
      </dl>
      <Term explains={<CountsHelp />}>what they count</Term>
    </div>
  );
}

const CountsHelp = () => (
  <>
    <p>How many directions this layer's update uses, counted in three ways:</p>
    <p>
      <b>Effective</b>: all of them, each by its share of the whole. As many equally strong ones would be as spread out. exp of the entropy
      of the σ.
    </p>
    <p>
      <b>Stable</b>: as effective, but ruled by the strongest: near 1 where one direction does almost everything. ‖ΔW‖² / σ₁².
    </p>
    <p>
      <b>Above 1 %</b>: those that are at least a hundredth as strong as the strongest.
    </p>
  </>
);

const RankHelp = () => (
  <>
    <p>
      Training adds an update ΔW to each frozen layer. Its singular values σ say how strongly it acts in each direction; its rank is how
      many directions it uses at all.
    </p>
    <p>
      LoRA's update is a product through r numbers, so it can never use more than r: the wall. RandLoRA sums many random products with
      learned scales and can use them all.
    </p>
    <p>
      Effective rank: exp of the entropy of the σ. Stable rank: ‖ΔW‖² / σ₁². What lies below a millionth of the largest is drawn as 0,
      because float32 cannot tell it from 0.
    </p>
  </>
);

/** In the middle of the image tower, and of its layers the widest that is adapted: it shows the difference well and flatters neither side. */
export function startLayer(layers: readonly LayerRank[]): LayerRank | undefined {
  const [first] = layers;
  const tower = layers.filter(({ path }) => path.split(".")[0] === first?.path.split(".")[0]);
  const blocks = [...new Set(tower.map(({ block }) => block))];
  const middle = tower.filter(({ block }) => block === blocks[Math.floor((blocks.length - 1) / 2)]);
  return middle.find(({ target }) => target === "fc1") ?? middle.find(({ target }) => target === "v") ?? middle[0];
}

const saysNothing = (name: string) => `${name} changes no weight matrix, so it has no rank.`;

function findingOf(
  layer: LayerRank | undefined,
  spectra: readonly Spectrum[],
  step: number,
  { imported, rankless }: { readonly imported: boolean; readonly rankless: readonly string[] },
): string {
  if (imported && spectra.length === 0) return "The imported update is being measured.";
  if (!layer || spectra.length === 0) return rankless.length > 0 ? "" : "Every update starts at zero and has no rank yet.";
  const each = spectra.map(({ name, wall, values, above }) =>
    wall < values.length
      ? `${name} stops at ${wall} of ${values.length} directions`
      : `${name} uses all ${values.length} (${above} above 1 %)`,
  );
  return `Update after step ${step}: ${each.join(", ")}.`;
}

/** The picture to remember: the singular values of one layer's update, LoRA's wall beside RandLoRA's full spectrum. */
import { memo, useState } from "react";
import { CartesianGrid, Line, LineChart, ReferenceLine, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { useShallow } from "zustand/react/shallow";
import { useRace } from "../../store/race.ts";
import { changesNoMatrix } from "../../store/run.ts";
import type { LayerRank } from "../../train/run.ts";
import type { Look } from "../look.ts";
import { Figure } from "../parts/figure.tsx";
import { useRem } from "../parts/rem.ts";
import { Term } from "../parts/term.tsx";
import { Layers, layerName, layersOf } from "./layers.tsx";
import { Notes } from "./notes.tsx";
import { Sketch } from "./sketch.tsx";
import { FLOOR, type Spectrum, spectrumOf } from "./wall.ts";

const TICKS = [1, 1e-2, 1e-4, 1e-6, FLOOR];

/** Apart from the losses, which change with every batch. */
export const Spectra = memo(function Spectra({ looks }: { readonly looks: readonly Look[] }) {
  const ranks = useRace(useShallow((race) => race.lanes.map((lane) => lane.rank)));
  const layers = layersOf(ranks);
  const [chosen, setChosen] = useState<string>();
  const layer = layers.find(({ path }) => path === chosen) ?? startLayer(layers);
  const spectra = looks.flatMap((look, index) => {
    const found = ranks[index]?.layers.find(({ path }) => path === layer?.path);
    const spectrum = found && spectrumOf(found);
    return spectrum ? [{ ...look, ...spectrum }] : [];
  });
  const step = Math.max(0, ...ranks.map((rank) => rank?.step ?? 0));
  const imported = useRace((race) => race.config?.lanes.some(({ adapter }) => adapter !== undefined) ?? false);
  const rankless = looks.flatMap(({ name }, index) => (changesNoMatrix(ranks[index]) ? [name] : []));
  return (
    <Figure
      className="spectrum"
      title={
        <>
          <Term explains={<RankHelp />}>Rank of the update</Term>
          {layer && <span className="where">{layerName(layer)}</span>}
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
      {spectra.length > 0 ? <Chart spectra={spectra} label={layer ? layerName(layer) : ""} /> : <Sketch />}
      <Layers ranks={ranks} looks={looks} chosen={layer?.path} onChoose={setChosen} />
    </Figure>
  );
});

function Chart({ spectra, label }: { readonly spectra: readonly Spectrum[]; readonly label: string }) {
  const rem = useRem();
  const length = Math.max(...spectra.map(({ values }) => values.length));
  const longest = Math.max(...spectra.map(({ name }) => name.length));
  const rows = Array.from({ length }, (_, index) => ({ direction: index + 1 }));
  return (
    <div className="chart">
      <ResponsiveContainer width="100%" height="100%">
        <LineChart
          data={rows}
          title={`Singular values, ${label}`}
          margin={{ top: 0.5 * rem, right: (0.7 + 0.52 * longest) * rem, bottom: 0, left: 0 }}
        >
          <CartesianGrid vertical={false} stroke="var(--grid)" />
          <XAxis
            dataKey="direction"
            type="number"
            domain={[1, length]}
            ticks={ticksTo(length)}
            height={1.5 * rem}
            tickMargin={0.25 * rem}
            stroke="var(--axis)"
            tickLine={false}
          />
          <YAxis
            scale="log"
            domain={[FLOOR, 1]}
            ticks={TICKS}
            width={3.1 * rem}
            tickMargin={0.25 * rem}
            tickFormatter={writeTick}
            axisLine={false}
            tickLine={false}
            allowDataOverflow
            interval={0}
          />
          <ReferenceLine y={0.01} stroke="var(--axis)" strokeDasharray="1 3" />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: "var(--axis)" }}
            content={({ active, label: direction }) => (active ? <Reading direction={Number(direction)} spectra={spectra} /> : null)}
          />
          {spectra.map(({ name, color, dash, values }) => (
            <Line
              key={name}
              name={name}
              dataKey={({ direction }: { direction: number }) => values[direction - 1] ?? null}
              stroke={color}
              strokeWidth={0.16 * rem}
              strokeDasharray={dash}
              strokeLinejoin="round"
              dot={false}
              activeDot={{ r: 0.22 * rem }}
              isAnimationActive={false}
              type="linear"
            />
          ))}
          <Notes spectra={spectra} />
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
}

function Reading({ direction, spectra }: { readonly direction: number; readonly spectra: readonly Spectrum[] }) {
  return (
    <div className="popover reading">
      <b>direction {direction}</b>
      {spectra.map(({ name, color, values, largest }) => {
        const share = values[direction - 1] ?? FLOOR;
        return (
          <span key={name} className="reading-row">
            <i style={{ background: color }} />
            {name}
            <b>{share <= FLOOR ? "0" : `σ = ${(share * largest).toPrecision(2)}`}</b>
          </span>
        );
      })}
    </div>
  );
}

function Counts({ spectra }: { readonly spectra: readonly Spectrum[] }) {
  if (spectra.length === 0) return null;
  return (
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
  );
}

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

/** The middle of the tower, where there is one: it shows the difference well and does not flatter either side. */
function startLayer(layers: readonly LayerRank[]): LayerRank | undefined {
  const middle = Math.floor(Math.max(0, ...layers.map(({ block }) => block)) / 2);
  return layers.find(({ block, target }) => block === middle && target === "fc1") ?? layers[0];
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
  return `Step ${step}: ${each.join(", ")}.`;
}

function ticksTo(length: number): number[] {
  return [1, ...[0.25, 0.5, 0.75, 1].map((share) => Math.round(share * length))];
}

function writeTick(value: number): string {
  if (value <= FLOOR) return "0";
  return value === 1 ? "σ₁" : `${["", "", "10⁻²", "", "10⁻⁴", "", "10⁻⁶"][Math.round(-Math.log10(value))]}`;
}

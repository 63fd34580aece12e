/** How far the updates of two lanes point the same way: the overlap of their leading singular directions. */
import { useMemo, useState } from "react";
import { useShallow } from "zustand/react/shallow";
import { layerName } from "../../store/layers.ts";
import {
  chanceOf,
  compareDirections,
  meanAmplification,
  meanPhi,
  phiMap,
  type Side,
  stopComparing,
  useOverlap,
} from "../../store/paperoverlap.ts";
import { useRace } from "../../store/race.ts";
import { type Look, looksOf } from "../look.ts";
import { plain } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Figure } from "../parts/figure.tsx";
import { NumberField } from "../parts/number.tsx";
import { blockedBy } from "./blocked.ts";
import { Heat, Scale } from "./heat.tsx";
import { Asks, Source } from "./source.tsx";
import { TaskBar } from "./task.tsx";
import "./paper.css";

const SIDES: readonly Side[] = ["left", "right"];
const MOST = 64;

export default function OverlapView() {
  const race = useRace(useShallow(({ config, phase, fault }) => ({ config, phase, fault })));
  const { task, layers: all, steps } = useOverlap();
  const looks = useMemo(() => looksOf(race.config?.lanes ?? []), [race.config]);
  const members = ["Frozen weight", ...looks.map(({ name }) => name)];
  const [pair, setPair] = useState<readonly [number, number]>();
  const [sideAt, setSide] = useState(0);
  const [place, setPlace] = useState(0);
  const [wanted, setWanted] = useState(8);
  const layers = useMemo(() => (all[place - 1] ? all.slice(place - 1, place) : all), [all, place]);
  const side = SIDES[sideAt] ?? "left";
  // What was chosen may be of a race with more lanes.
  const [a, b] = pair?.every((lane) => lane < looks.length) ? pair : looks.length > 1 ? [0, 1] : [-1, 0];
  const { rows, columns, values } = useMemo(() => phiMap(layers, a, b, side), [layers, a, b, side]);
  // Fewer where one of the two has fewer.
  const k = Math.min(wanted, rows || wanted, columns || wanted);
  const phi = (i: number, j: number) => (i > rows || j > columns ? Number.NaN : (values[(i - 1) * columns + j - 1] ?? Number.NaN));
  const names = [members[a + 1] ?? "", members[b + 1] ?? ""] as const;
  return (
    <div className="paper">
      <Figure
        title="Shared directions"
        finding={findingOf(names, side, phi(k, k), chanceOf(layers, side, k, k), k, steps, layers.length)}
        table={() => ({
          head: ["Pair", ...SIDES.map((one) => `φ(${k}, ${k}), ${one}`), ...SIDES.map((one) => `by chance, ${one}`)],
          rows: members.flatMap((first, i) =>
            members
              .slice(i + 1)
              .map((second, j) => [
                `${first} and ${second}`,
                ...SIDES.map((one) => share(meanPhi(layers, i - 1, i + j, one, k, k))),
                ...SIDES.map((one) => share(chanceOf(layers, one, k, k))),
              ]),
          ),
        })}
      >
        {all.length === 0 && <Asks of="overlap" />}
        <div className="paper-controls">
          <TaskBar task={task} action="Compare directions" onStart={compareDirections} onStop={stopComparing} blocked={blockedBy(race)} />
          <Source of="overlap" />
        </div>
        {all.length > 0 && (
          <>
            <div className="paper-controls">
              <ChoiceField label="Of" choices={members} value={a + 1} onChange={(value) => setPair([value - 1, b])} />
              <ChoiceField label="and" choices={members} value={b + 1} onChange={(value) => setPair([a, value - 1])} />
              <ChoiceField label="Singular vectors" choices={SIDES} value={sideAt} onChange={setSide} />
              <ChoiceField
                label="Layer"
                choices={["mean of all", ...all.map((layer) => layerName(layer, all))]}
                value={Math.min(place, all.length)}
                onChange={setPlace}
              />
              <NumberField
                field={{ label: "Leading k", help: "Leading directions that the number compares.", default: 8, min: 1, max: MOST, step: 1 }}
                value={wanted}
                onChange={(value) => setWanted(Math.round(Math.min(MOST, Math.max(1, value))))}
              />
            </div>
            {rows > 0 && columns > 0 && a !== b ? (
              <div className="overlap-map">
                <p className="axis-name">{`i: directions of ${names[0]}, 1 to ${rows}, downwards; j: of ${names[1]}, 1 to ${columns}, to the right`}</p>
                <Heat
                  label={`φ(i, j) of ${names[0]} and ${names[1]}`}
                  rows={rows}
                  columns={columns}
                  value={(row, column) => phi(row + 1, column + 1)}
                  most={1}
                  describe={(row, column) =>
                    `i = ${row + 1}, j = ${column + 1}: ${share(phi(row + 1, column + 1))}, by chance ${share(chanceOf(layers, side, row + 1, column + 1))}`
                  }
                />
                <Scale least="0" most="1" none="none: no such directions" />
              </div>
            ) : (
              <p className="hint">
                {a === b
                  ? "Choose two different ones."
                  : "One of the two has no direction here: its update is zero, not finite, or it does not change the layer."}
              </p>
            )}
            <Amplification looks={looks} k={k} />
          </>
        )}
      </Figure>
    </div>
  );
}

function Amplification({ looks, k }: { readonly looks: readonly Look[]; readonly k: number }) {
  const layers = useOverlap((state) => state.layers);
  return (
    <div className="amplification">
      <h4>
        Amplification, k = {k} <Source of="amplification" />
      </h4>
      <dl className="counts">
        {looks.map(({ name, color }, lane) => {
          const factor = meanAmplification(layers, lane, k);
          return (
            <div key={name} style={{ color }}>
              <dt>{name}</dt>
              <dd>{Number.isFinite(factor) ? `× ${plain(factor)}` : `none: fewer than ${k} directions`}</dd>
            </div>
          );
        })}
      </dl>
    </div>
  );
}

const share = (value: number): string => (Number.isFinite(value) ? value.toFixed(3) : "none");

function findingOf(
  [first, second]: readonly [string, string],
  side: Side,
  phi: number,
  chance: number,
  k: number,
  steps: readonly number[],
  layers: number,
): string {
  if (layers === 0) return "Nothing was compared yet.";
  const when =
    steps.length > 1 ? `At steps ${Math.min(...steps)} to ${Math.max(...steps)}, while training went on` : `At step ${steps[0] ?? 0}`;
  if (!Number.isFinite(phi)) return `${when}: ${first} and ${second} do not both have ${k} directions.`;
  return `${when}: ${first} and ${second} share ${phi.toFixed(2)} of their ${k} leading ${side} directions, mean of ${layers} ${layers === 1 ? "layer" : "layers"}; chance gives ${chance.toFixed(2)}.`;
}

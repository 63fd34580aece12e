/** How alike the lanes see the images, block by block: CKA with full fine-tuning, as the paper's figure 4a. */
import { useMemo, useState } from "react";
import { CartesianGrid, Line, LineChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { useShallow } from "zustand/react/shallow";
import { ckaLine, compareActivations, stopActivations, useLikeness } from "../../store/paperlikeness.ts";
import { useRace } from "../../store/race.ts";
import { useSetup } from "../../store/setup.ts";
import type { HalfLikeness } from "../../train/representation.ts";
import { looksOf } from "../look.ts";
import { plural } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Figure } from "../parts/figure.tsx";
import { Reading } from "../parts/reading.tsx";
import { useRem } from "../parts/rem.ts";
import { EndLabels, labelRoom } from "../race/labels.tsx";
import { blockedBy } from "./blocked.ts";
import { Asks, Source } from "./source.tsx";
import { TaskBar } from "./task.tsx";
import { isTruth } from "./truth.ts";
import "./paper.css";

const COUNTS = [64, 256, 1024];
const HALVES: readonly { readonly half: HalfLikeness["half"]; readonly title: string }[] = [
  { half: "attention", title: "Attention" },
  { half: "mlp", title: "MLP" },
];

interface Member {
  readonly name: string;
  readonly color: string;
  readonly dash: string;
}

export default function LikenessView() {
  const race = useRace(useShallow(({ config, phase, fault }) => ({ config, phase, fault })));
  const { task, halves, step, images } = useLikeness();
  const lanes = race.config?.lanes ?? [];
  const members: readonly Member[] = useMemo(
    () => [...looksOf(race.config?.lanes ?? []), { name: "Before training", color: "var(--ink-3)", dash: "1 4" }],
    [race.config],
  );
  const truth = lanes.findIndex(isTruth);
  const [chosen, setChosen] = useState<number>();
  const [countAt, setCount] = useState(1);
  const against = chosen !== undefined && chosen < members.length ? chosen : truth >= 0 ? truth : members.length - 1;
  const lines = (half: HalfLikeness["half"]) =>
    members.flatMap((member, index) => (index === against ? [] : [{ ...member, points: ckaLine(halves, half, index, against) }]));
  const name = members[against]?.name ?? "";
  return (
    <div className="paper">
      <Figure
        title={`Likeness to ${name.toLowerCase() === "before training" ? "the model before training" : name}`}
        finding={findingOf(lines("attention").concat(lines("mlp")), name, step, images)}
        table={() => ({
          head: ["Block, half", ...lines("attention").map((line) => line.name)],
          rows: HALVES.flatMap(({ half, title }) =>
            (lines(half)[0]?.points ?? []).map(({ block }, at) => [
              `Block ${block + 1}, ${title}`,
              ...lines(half).map(({ points }) => written(points[at]?.value)),
            ]),
          ),
        })}
      >
        {halves.length === 0 && <Asks of="cka" />}
        <div className="paper-controls">
          <TaskBar
            task={task}
            action="Compare activations"
            onStart={() => compareActivations(COUNTS[countAt] ?? 256)}
            onStop={stopActivations}
            blocked={blockedBy(race)}
          />
          <ChoiceField label="Validation images, at most" choices={COUNTS.map(String)} value={countAt} onChange={setCount} />
          {halves.length > 0 && (
            <ChoiceField label="Compare with" choices={members.map((member) => member.name)} value={against} onChange={setChosen} />
          )}
          <Source of="cka" />
        </div>
        {race.config && truth < 0 && <AddTruth />}
        {halves.length > 0 && (
          <div className="halves">
            {HALVES.map(({ half, title }) => (
              <section key={half} aria-label={title}>
                <h4>{title}</h4>
                <Depth title={title} lines={lines(half)} />
              </section>
            ))}
          </div>
        )}
      </Figure>
    </div>
  );
}

/** There is nothing of full fine-tuning to compare with: the next run may have it. */
function AddTruth() {
  const planned = useSetup((setup) => setup.config.lanes);
  const addLane = useSetup((setup) => setup.addLane);
  const isPlanned = planned.some(isTruth);
  return (
    <p className="hint">
      This run has no full fine-tuning, so the lanes are compared with the model before training.{" "}
      {isPlanned ? (
        "It is among the lanes of the next run: reset and train."
      ) : (
        <button type="button" className="link" onClick={() => addLane("full")} disabled={planned.length >= 4}>
          Add full fine-tuning to the next run
        </button>
      )}
    </p>
  );
}

type DrawnLine = Member & { readonly points: ReturnType<typeof ckaLine> };

function Depth({ title, lines }: { readonly title: string; readonly lines: readonly DrawnLine[] }) {
  const rem = useRem();
  const rows = (lines[0]?.points ?? []).map(({ block }, at) => ({ block: block + 1, at }));
  const known = lines.flatMap(({ points }) => points.map(({ value }) => value)).filter(Number.isFinite);
  const least = Math.min(0.9, Math.floor(10 * Math.min(1, ...known)) / 10);
  const ends = lines.flatMap(({ name, color, points }) => {
    const last = points.findLast(({ value }) => Number.isFinite(value));
    return last ? [{ id: name, name, color, x: last.block + 1, y: last.value }] : [];
  });
  return (
    <div className="chart">
      <ResponsiveContainer width="100%" height="100%">
        <LineChart
          data={rows}
          title={`CKA by depth, ${title}`}
          margin={{ top: 0.5 * rem, right: labelRoom(lines, rem), bottom: 0, left: 0 }}
        >
          <CartesianGrid vertical={false} stroke="var(--grid)" />
          <XAxis
            dataKey="block"
            type="number"
            domain={["dataMin", "dataMax"]}
            ticks={rows.map(({ block }) => block)}
            height={1.5 * rem}
            stroke="var(--axis)"
            tickLine={false}
          />
          <YAxis
            domain={[least, 1]}
            ticks={[0, 1, 2, 3, 4, 5].map((fifth) => least + (fifth * (1 - least)) / 5)}
            width={3.1 * rem}
            tickFormatter={(value: number) => value.toFixed(2)}
            axisLine={false}
            tickLine={false}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: "var(--axis)" }}
            content={({ active, label }) =>
              active ? (
                <Reading
                  at={`block ${label}`}
                  of={lines.map((line) => ({
                    ...line,
                    id: line.name,
                    value: written(line.points.find(({ block }) => block + 1 === Number(label))?.value),
                  }))}
                />
              ) : null
            }
          />
          {lines.map(({ name, color, dash, points }) => (
            <Line
              key={name}
              name={name}
              dataKey={({ at }: { at: number }) => (Number.isFinite(points[at]?.value) ? points[at]?.value : null)}
              stroke={color}
              strokeWidth={0.14 * rem}
              strokeDasharray={dash}
              dot={false}
              activeDot={{ r: 0.22 * rem }}
              isAnimationActive={false}
            />
          ))}
          <EndLabels labels={ends} />
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
}

const written = (value: number | undefined): string => (value !== undefined && Number.isFinite(value) ? value.toFixed(3) : "none");

function findingOf(lines: readonly DrawnLine[], against: string, step: number, images: number): string {
  if (lines.every(({ points }) => points.length === 0)) return "Nothing was compared yet.";
  const names = [...new Set(lines.map(({ name }) => name))];
  const each = names.map((name) => {
    const values = lines
      .filter((line) => line.name === name)
      .flatMap(({ points }) => points.map(({ value }) => value).filter(Number.isFinite));
    return values.length > 0 ? `${name} ${(values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(2)}` : `${name} none`;
  });
  const few = images < 100 ? " So few images leave much to chance." : "";
  return `At step ${step}, on ${plural(images, "validation image")}, mean CKA with ${against === "Before training" ? "the model before training" : against}: ${each.join(", ")}.${few}`;
}

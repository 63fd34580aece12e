/** The loss on the plane through three solutions, as the paper's figure 4b. */
import { Suspense, useMemo, useState } from "react";
import { useShallow } from "zustand/react/shallow";
import { measuredCount, measurePlane, placesOf, profileOf, type Surface, stopPlane, usePlane } from "../../store/paperplane.ts";
import { useRace } from "../../store/race.ts";
import type { Vertices } from "../../train/landscape.ts";
import type { LaneConfig } from "../../train/run.ts";
import { looksOf } from "../look.ts";
import { count, plain, plural } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Figure } from "../parts/figure.tsx";
import { blockedBy } from "./blocked.ts";
import { type Shown, toneOf, writeTone } from "./levels.ts";
import { SurfaceMap, type Vertex } from "./map.tsx";
import { Asks, Source } from "./source.tsx";
import { TaskBar } from "./task.tsx";
import { Ways } from "./ways.tsx";
import "./paper.css";
import { later } from "../parts/later.tsx";

/** Fetched when it is asked for. */
const Solid = later(() => import("./solid.tsx"));

const SHOWN: readonly Shown[] = ["loss", "accuracy"];
const PAPER = ["lora", "randlora", "full"];

export default function PlaneView() {
  const race = useRace(useShallow(({ config, phase, fault }) => ({ config, phase, fault })));
  const { task, surface, recalled } = usePlane();
  const lanes = surface?.lanes ?? race.config?.lanes;
  const members = useMemo(() => membersOf(lanes ?? []), [lanes]);
  const [chosen, setChosen] = useState<Vertices>();
  const [shownAt, setShown] = useState(0);
  const [solid, setSolid] = useState(false);
  // What was chosen may be of a race with more lanes.
  const stands = chosen?.every((lane) => lane < (lanes?.length ?? 0)) ?? false;
  const planned = (stands ? chosen : undefined) ?? surface?.vertices ?? usual(race.config?.lanes ?? []);
  const shown = SHOWN[shownAt] ?? "loss";
  const places = (surface?.vertices ?? planned).join();
  const vertices = useMemo(() => places.split(",").map((lane) => member(members, Number(lane))), [members, places]);
  const differs = surface !== null && surface.vertices.join() !== planned.join();
  const done = surface !== null && measuredCount(surface) === placesOf(surface);
  const begin = task.phase === "idle" || recalled || differs ? "Measure the surface" : done ? "Measured" : "Go on";
  return (
    <div className="paper">
      <Figure
        className="plane"
        title={`Loss around ${vertices.map(({ name }) => name).join(", ")}`}
        finding={surface ? findingOf(surface, vertices) : "Nothing was measured yet."}
        table={() => tableOf(surface, vertices)}
      >
        {!surface && <Asks of="plane" />}
        <div className="paper-controls">
          {["A", "B", "C"].map((letter, at) => (
            <ChoiceField
              key={letter}
              label={letter}
              choices={members.map(({ name }) => name)}
              value={(planned[at] ?? -1) < 0 ? members.length - 1 : (planned[at] ?? 0)}
              onChange={(value) =>
                setChosen(planned.map((lane, i) => (i === at ? (value === members.length - 1 ? -1 : value) : lane)) as unknown as Vertices)
              }
            />
          ))}
          <TaskBar
            task={task}
            action={begin}
            again={begin}
            onStart={() => measurePlane(planned)}
            onStop={stopPlane}
            blocked={blockedBy(race) ?? (done && !differs && !recalled ? "All of it is measured." : null)}
          />
          {surface && !recalled && task.phase !== "working" && <Anew vertices={planned} />}
          <Source of="plane" />
        </div>
        {recalled && surface && (
          <p className="hint" role="status">
            The page was loaded anew, and the weights of this surface are gone: these {count(measuredCount(surface))} of{" "}
            {count(placesOf(surface))} places were measured before. Train again to measure a new one.
          </p>
        )}
        {surface && (
          <>
            <div className="paper-controls">
              <ChoiceField label="Show" choices={["Loss", "Accuracy"]} value={shownAt} onChange={setShown} />
              {!surface.plane.flat && (
                <button type="button" aria-pressed={solid} onClick={() => setSolid(!solid)}>
                  {solid ? "From above" : "In 3-D"}
                </button>
              )}
            </div>
            <div className="surfaces">
              {surface.plane.flat ? (
                <p className="hint">These three lie on one line, or on one another: they span no plane. Below is the way between them.</p>
              ) : solid ? (
                <Suspense fallback={<p role="status">Fetching the view …</p>}>
                  <Solid surface={surface} vertices={vertices} shown={shown} />
                </Suspense>
              ) : (
                <SurfaceMap surface={surface} vertices={vertices} shown={shown} />
              )}
              <section aria-label="The ways between them">
                <h4>The straight ways between them</h4>
                <Ways corners={surface.corners} ways={surface.ways} vertices={vertices} shown={shown} />
                <p className="hint">
                  W₀ itself, {plain(surface.plane.away)} away from the plane: loss{" "}
                  {writeTone(toneOf(surface.corners[3]?.loss, "loss"), "loss")}.
                </p>
              </section>
            </div>
          </>
        )}
      </Figure>
    </div>
  );
}

/** The surface stays that of the weights which were taken; a run that went on has others. */
function Anew({ vertices }: { readonly vertices: Vertices }) {
  const step = useRace((race) => race.step);
  return (
    <button type="button" className="quiet" onClick={() => measurePlane(vertices, true)}>
      Take the weights of step {count(step)}
    </button>
  );
}

interface Member extends Vertex {
  readonly lane: number;
}

function membersOf(lanes: readonly LaneConfig[]): readonly Member[] {
  const own = looksOf(lanes).map(({ name, color }, lane) => ({ name, color, lane }));
  return [...own, { name: "Before training", color: "var(--ink-3)", lane: -1 }];
}

const member = (members: readonly Member[], lane: number): Member => (members.find((one) => one.lane === lane) ?? members.at(-1)) as Member;

/** LoRA, RandLoRA and full fine-tuning as in the paper where they are, then the other lanes, then the model before training. */
function usual(lanes: readonly LaneConfig[]): Vertices {
  const paper = PAPER.map((method) => lanes.findIndex((lane) => lane.method === method)).filter((lane) => lane >= 0);
  const others = [...lanes.keys()].filter((lane) => !paper.includes(lane));
  return [...paper, ...others, -1, -1, -1].slice(0, 3) as unknown as Vertices;
}

function tableOf(surface: Surface | null, vertices: readonly Vertex[]) {
  const head = ["Place", "Loss", "Accuracy"];
  if (!surface) return { head, rows: [] };
  const written = (name: string, height: Surface["heights"][number] | undefined) => [
    name,
    height ? writeTone(toneOf(height.loss, "loss"), "loss") : "not yet",
    height ? writeTone(height.accuracy, "accuracy") : "not yet",
  ];
  const round = [...vertices, vertices[0]];
  return {
    head,
    rows: [
      ...[...vertices.map(({ name }) => name), "W₀"].map((name, at) => written(name, surface.corners[at])),
      ...profileOf(surface).flatMap(({ at, height }) => {
        const from = Math.floor(at);
        return Number.isInteger(at)
          ? []
          : [written(`${round[from]?.name} to ${round[from + 1]?.name}, ${(100 * (at - from)).toFixed(0)} %`, height)];
      }),
    ],
  };
}

/** Whether there is a ridge on the ways between the solutions, and how high. */
function findingOf(surface: Surface, vertices: readonly Vertex[]): string {
  const [got, all] = [measuredCount(surface), placesOf(surface)];
  const progress = got < all ? ` ${count(got)} of ${count(all)} places are measured.` : "";
  return ridgeOf(surface, vertices) + progress;
}

function ridgeOf(surface: Surface, vertices: readonly Vertex[]): string {
  const ends = surface.corners.slice(0, 3);
  const about = `At step ${surface.step}, on ${plural(surface.plane.images, "training image")} (5 %, a few of each class at least)`;
  if (ends.some((height) => height === null)) return `${about}.`;
  const ridges = surface.ways.map((way, at) => {
    const losses = way.flatMap((height) => (height ? [height.loss] : []));
    const top = Math.max(ends[at]?.loss ?? 0, ends[(at + 1) % 3]?.loss ?? 0);
    return { at, known: losses.length === way.length, rise: Math.max(...losses) - top };
  });
  const broken = ends.filter((height) => height && !Number.isFinite(height.loss)).length;
  if (broken > 0) return `${about}: the loss of ${plural(broken, "solution")} is not a number.`;
  if (!ridges.every(({ known }) => known)) return `${about}.`;
  const worst = ridges.reduce((most, one) => (one.rise > most.rise || Number.isNaN(one.rise) ? one : most));
  const names = [vertices[worst.at]?.name, vertices[(worst.at + 1) % 3]?.name];
  if (!Number.isFinite(worst.rise)) return `${about}: between ${names[0]} and ${names[1]} the loss is not a number.`;
  return worst.rise > 0.01
    ? `${about}: the highest ridge lies between ${names[0]} and ${names[1]}, ${plain(worst.rise)} above the worse of the two.`
    : `${about}: no ridge lies between any two of them.`;
}

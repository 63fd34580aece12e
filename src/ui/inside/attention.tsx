/** Where the class token of each lane looks in an image, before training and after it. */
import { useEffect, useMemo, useRef, useState } from "react";
import type { Answered } from "../../store/inside.ts";
import { type Looked, lookInto, useAttention } from "../../store/insideattention.ts";
import { canAnswer, usePredictions } from "../../store/predictions.ts";
import { useRace } from "../../store/race.ts";
import type { AttentionMaps } from "../../train/attention.ts";
import { usePixels } from "../images/pixels.ts";
import { Thumbs } from "../images/thumbs.tsx";
import type { Look } from "../look.ts";
import { count, percent } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Figure, type Table } from "../parts/figure.tsx";
import { FaultText, Notice } from "../parts/notice.tsx";
import { Term } from "../parts/term.tsx";
import { type Aspect, gradient, heated, mapOf, type Scale, spread } from "./heat.ts";
import { WithAnswers } from "./shell.tsx";

/** Images offered at one time. */
const OFFERED = 12;

export default function AttentionView() {
  return <WithAnswers>{(answered, looks) => <Attention answered={answered} looks={looks} />}</WithAnswers>;
}

function Attention({ answered, looks }: { readonly answered: Answered; readonly looks: readonly Look[] }) {
  const { looked, answer, busy, fault } = useAttention();
  const phase = useRace((race) => race.phase);
  const step = useRace((race) => race.step);
  return (
    <>
      <Offer answered={answered} disabled={busy || !canAnswer(phase)} />
      {busy && <p role="status">Asking where every lane looks …</p>}
      {fault && (
        <Notice kind="error">
          <FaultText fault={fault} />
        </Notice>
      )}
      {looked && answer && (
        <>
          <Maps looked={looked} maps={answer.maps} step={answer.step} looks={looks} />
          {answer.step !== step && canAnswer(phase) && (
            <button type="button" disabled={busy} onClick={() => void lookInto({ ...looked })}>
              Ask again after step {count(step)}
            </button>
          )}
        </>
      )}
    </>
  );
}

/** Some of the images that were asked about, and those that were dropped on the page. */
function Offer({ answered: { dataset, images }, disabled }: { readonly answered: Answered; readonly disabled: boolean }) {
  const looked = useAttention((state) => state.looked);
  const asked = usePredictions((state) => state.asked);
  const [turn, setTurn] = useState(0);
  const some = useMemo(() => {
    const every = Math.max(1, Math.floor(images.length / OFFERED));
    return Array.from({ length: Math.min(OFFERED, images.length) }, (_, i) => images[(i * every + turn) % images.length] as number);
  }, [images, turn]);
  const pixels = usePixels(dataset, some);
  const own: readonly Looked[] = asked.filter(({ size }) => size === dataset.size);
  const held = some.flatMap((image, i): Looked[] => {
    const read = pixels[i];
    return read ? [{ name: dataset.sources[image] ?? "", pixels: read, size: dataset.size }] : [];
  });
  // The newest of a name: two frames of the camera are called alike.
  const offered = [...own, ...held].filter(({ name }, index, all) => all.findIndex((other) => other.name === name) === index);
  return (
    <section aria-label="Images to look into">
      <div className="row">
        <h3>Choose an image</h3>
        {images.length > OFFERED && (
          <button type="button" className="quiet" onClick={() => setTurn(turn + 1)}>
            Other images
          </button>
        )}
      </div>
      <ul className="choices">
        {offered.map((image) => (
          <li key={image.name}>
            <button
              type="button"
              aria-label={image.name}
              title={image.name}
              aria-pressed={looked?.pixels === image.pixels}
              disabled={disabled}
              onClick={() => void lookInto({ name: image.name, pixels: image.pixels, size: image.size })}
            >
              <Thumbs images={[image.pixels]} size={image.size} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface MapsProps {
  readonly looked: Looked;
  readonly maps: AttentionMaps;
  readonly step: number;
  readonly looks: readonly Look[];
}

interface Panel {
  readonly name: string;
  readonly color: string;
  readonly map: Float32Array;
}

function Maps({ looked, maps, step, looks }: MapsProps) {
  const [block, setBlock] = useState(maps.blocks - 1);
  const [head, setHead] = useState<Aspect["head"]>("mean");
  const [change, setChange] = useState(false);
  const [opacity, setOpacity] = useState(0.6);
  const heads: readonly Aspect["head"][] = ["mean", "rollout", ...Array.from({ length: maps.heads }, (_, i) => i)];
  const panels = useMemo(() => panelsOf(maps, looks, { block, head }, change), [maps, looks, block, head, change]);
  const scale = useMemo((): Scale => {
    const most = Math.max(1e-12, ...panels.flatMap(({ map }) => Array.from(map, Math.abs)));
    return { most, isSigned: change };
  }, [panels, change]);
  return (
    <Figure
      title={
        <Term
          explains={
            <>
              <p>
                Attention: softmax(q kᵀ / √d) from the class token to each patch, of one head or of the mean of all. What lacks of 100 %
                went to tokens that are no patch.
              </p>
              <p>
                Rollout (Abnar and Zuidema 2020) follows attention from the block down to the patches, half of each step staying where it is
                for the residual stream. Neither says why a class was chosen.
              </p>
            </>
          }
        >
          Where the class token looks
        </Term>
      }
      finding={findingOf(panels, maps.across, step, change)}
      table={() => tableOf(panels, maps.across)}
    >
      <div className="row">
        <ChoiceField
          label="Block"
          choices={Array.from({ length: maps.blocks }, (_, i) => (i === maps.blocks - 1 ? `${i + 1}, the last` : String(i + 1)))}
          value={block}
          onChange={setBlock}
        />
        <ChoiceField
          label="Weights"
          choices={heads.map(nameOf)}
          value={heads.indexOf(head)}
          onChange={(index) => setHead(heads[index] ?? "mean")}
        />
        <label className="check">
          <input type="checkbox" checked={change} onChange={(event) => setChange(event.target.checked)} />
          Difference from before training
        </label>
        <label className="check">
          Opacity
          <input type="range" min={0} max={1} step={0.05} value={opacity} onChange={(event) => setOpacity(Number(event.target.value))} />
        </label>
      </div>
      <ul className="gazes">
        {panels.map((panel) => (
          <li key={panel.name}>
            <h4 style={{ color: panel.color }}>{panel.name}</h4>
            <Heat looked={looked} panel={panel} across={maps.across} scale={scale} opacity={opacity} />
          </li>
        ))}
      </ul>
      <div className="heat-scale">
        <span>{change ? `−${percent(scale.most)}` : "0 %"}</span>
        <i style={{ background: gradient(scale) }} />
        <span>{change ? `+${percent(scale.most)}` : percent(scale.most)}</span>
      </div>
    </Figure>
  );
}

const nameOf = (head: Aspect["head"]): string => (head === "mean" ? "mean of heads" : head === "rollout" ? "rollout" : `head ${head + 1}`);

function Heat({ looked, panel, across, scale, opacity }: { looked: Looked; panel: Panel; across: number; scale: Scale; opacity: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { pixels, size } = looked;
  const { map, name } = panel;
  const values = useMemo(() => spread(map, across, size), [map, across, size]);
  useEffect(() => {
    const rgba = heated(pixels, values, scale, opacity);
    canvas.current?.getContext("2d")?.putImageData(new ImageData(rgba, size, size), 0, 0);
  }, [pixels, size, values, scale, opacity]);
  const { row, column } = peakOf(map, across);
  return (
    <canvas
      ref={canvas}
      width={size}
      height={size}
      role="img"
      aria-label={`${name}: most at row ${row}, column ${column} of ${across} by ${across} patches`}
    />
  );
}

function panelsOf(maps: AttentionMaps, looks: readonly Look[], aspect: Aspect, change: boolean): readonly Panel[] {
  const before = mapOf(maps.before, maps, aspect);
  const lanes = maps.lanes.map((gaze, lane) => {
    const map = mapOf(gaze, maps, aspect);
    const shown = change ? map.map((value, i) => value - (before[i] as number)) : map;
    return { name: looks[lane]?.name ?? "", color: looks[lane]?.color ?? "", map: shown };
  });
  return change ? lanes : [{ name: "before training", color: "var(--ink-3)", map: before }, ...lanes];
}

/** The patch with the largest number, counted from 1. */
function peakOf(map: Float32Array, across: number) {
  const at = map.reduce((best, value, i) => (Math.abs(value) > Math.abs(map[best] as number) ? i : best), 0);
  return { row: Math.floor(at / across) + 1, column: (at % across) + 1, value: map[at] as number };
}

const sum = (map: Float32Array): number => map.reduce((total, value) => total + value, 0);

function findingOf(panels: readonly Panel[], across: number, step: number, change: boolean): string {
  const said = panels.map(({ name, map }) => {
    const { row, column, value } = peakOf(map, across);
    const what = change
      ? `changed most at row ${row}, column ${column} (${value < 0 ? "−" : "+"}${percent(Math.abs(value))})`
      : `${percent(sum(map), 0)} on patches`;
    return `${name}: ${what}`;
  });
  return `After step ${count(step)}. ${said.join("; ")}.`;
}

function tableOf(panels: readonly Panel[], across: number): Table {
  return {
    head: ["Model", "On patches", "Largest", "Row", "Column"],
    rows: panels.map(({ name, map }) => {
      const { row, column, value } = peakOf(map, across);
      return [name, percent(sum(map)), percent(value), String(row), String(column)];
    }),
  };
}

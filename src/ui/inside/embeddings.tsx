/** How the head sees the images before training and after it: each an arrangement of points in one plane. */
import { useEffect, useMemo, useState } from "react";
import { VOTERS } from "../../analysis/neighbours.ts";
import type { Projection } from "../../analysis/projection.ts";
import type { Answered } from "../../store/inside.ts";
import { chosenImages, type Embedded, embed, type Kind, layOut, useEmbeddings } from "../../store/insideembeddings.ts";
import { canAnswer, openImage } from "../../store/predictions.ts";
import { useRace } from "../../store/race.ts";
import { usePixels } from "../images/pixels.ts";
import { Thumbs } from "../images/thumbs.tsx";
import type { Look } from "../look.ts";
import { count, percent, plural } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Figure, type Table } from "../parts/figure.tsx";
import { FaultText, Notice } from "../parts/notice.tsx";
import { Term } from "../parts/term.tsx";
import { Gallery } from "./gallery.tsx";
import { Scatter } from "./scatter.tsx";
import { LaneChoice, useChosenLane, WithAnswers } from "./shell.tsx";

const KINDS: readonly Kind[] = ["pca", "umap"];
const NAMES = ["PCA", "UMAP"];
/** Lines of the table. */
const LINES = 500;

export default function EmbeddingsView() {
  return <WithAnswers>{(answered, looks) => <Embedding answered={answered} looks={looks} />}</WithAnswers>;
}

function Embedding({ answered, looks }: { readonly answered: Answered; readonly looks: readonly Look[] }) {
  const { embedded, laid, busy, fault } = useEmbeddings();
  const phase = useRace((race) => race.phase);
  const step = useRace((race) => race.step);
  const lane = useChosenLane(looks);
  const [kind, setKind] = useState<Kind>("pca");
  useEffect(() => {
    if (embedded) void layOut(lane, kind);
  }, [embedded, lane, kind]);
  const images = useMemo(() => chosenImages(answered.images).length, [answered]);
  const isOld = embedded !== null && (embedded.step !== step || embedded.part !== answered.part);
  return (
    <>
      <div className="row">
        <LaneChoice looks={looks} value={lane} />
        <ChoiceField label="Layout" choices={NAMES} value={KINDS.indexOf(kind)} onChange={(index) => setKind(KINDS[index] ?? "pca")} />
        {(!embedded || isOld) && (
          <button type="button" disabled={busy !== null || !canAnswer(phase)} onClick={() => void embed(answered)}>
            {embedded ? "Embed again" : `Embed ${plural(images, `${answered.part} image`)}`}
          </button>
        )}
      </div>
      {!embedded && !busy && (
        <p className="hint">Every lane, and the model before training, turns the images into features. Training waits meanwhile.</p>
      )}
      {busy && (
        <div role="status">
          <p>{busy.text} …</p>
          <progress max={1} {...(busy.share !== null && { value: busy.share })} aria-label={busy.text} />
        </div>
      )}
      {fault && (
        <Notice kind="error">
          <FaultText fault={fault} />
        </Notice>
      )}
      {laid && laid.of === embedded && (
        <Sides key={`${laid.lane} ${laid.kind}`} embedded={laid.of} kind={laid.kind} projection={laid.projection} look={looks[laid.lane]} />
      )}
    </>
  );
}

interface SidesProps {
  readonly embedded: Embedded;
  readonly kind: Kind;
  readonly projection: Projection;
  readonly look: Look | undefined;
}

function Sides({ embedded, kind, projection, look }: SidesProps) {
  const { dataset, images, labels, step } = embedded;
  const { before, after } = projection;
  const [focus, setFocus] = useState<number | null>(null);
  const [gathered, setGathered] = useState<readonly number[]>([]);
  const together = useMemo(() => [before, after], [before, after]);
  const chosen = useMemo(() => new Set(gathered), [gathered]);
  const tiles = useMemo(
    () => gathered.map((i) => ({ image: images[i] as number, lines: [`is ${dataset.classes[labels[i] as number]}`] })),
    [gathered, images, labels, dataset],
  );
  const textOf = (i: number) => `${dataset.sources[images[i] as number]}, ${dataset.classes[labels[i] as number]}`;
  const plane = {
    ...{ together, labels, names: dataset.classes, textOf, focus, onFocus: setFocus, chosen, onChoose: setGathered },
    onOpen: (i: number) => void openImage(dataset, images[i] as number),
  };
  const name = look?.name ?? "";
  const finding = findingOf(projection, name, step);
  return (
    <>
      <Figure
        title={
          <Term
            explains={
              <>
                <p>
                  {kind === "pca"
                    ? "Principal components: the two directions in which the features differ most, found for both sides together, so that both lie on the same axes."
                    : "UMAP keeps near images near; it is fitted to both sides together, from the run's seed. Distances between groups, and the sizes of groups, mean little."}
                </p>
                <p>
                  The numbers below are not of this picture but of all the features: on how many images the class is what most of the{" "}
                  {VOTERS} nearest others are (by cosine).
                </p>
              </>
            }
          >
            {kind === "pca" ? "Features, by PCA" : "Features, by UMAP"}
          </Term>
        }
        finding={finding}
        table={() => tableOf(embedded, projection)}
      >
        <div className="planes">
          <Scatter {...plane} title="Before training" points={before} />
          <Scatter {...plane} title={`${name} after step ${count(step)}`} points={after} />
        </div>
        <Pointed embedded={embedded} at={focus} text={focus === null ? "" : textOf(focus)} />
      </Figure>
      {gathered.length > 0 && (
        <h3 role="status">
          {plural(gathered.length, "image")} within the line
          <button type="button" className="quiet" onClick={() => setGathered([])}>
            Clear
          </button>
        </h3>
      )}
      <Gallery dataset={dataset} label="Images within the line" tiles={tiles} />
    </>
  );
}

const NONE: readonly number[] = [];

/** The image that is pointed at. */
function Pointed({
  embedded: { dataset, images },
  at,
  text,
}: {
  readonly embedded: Embedded;
  readonly at: number | null;
  readonly text: string;
}) {
  const wanted = useMemo(() => (at === null ? NONE : [images[at] as number]), [at, images]);
  const [pixels] = usePixels(dataset, wanted);
  return (
    <div className="pointed" aria-hidden="true">
      <Thumbs images={at !== null && pixels ? [pixels] : []} size={dataset.size} places={1} />
      <p className="hint" dir="auto">
        {text || "Point at an image, or walk with the arrow keys. A click opens it; a line drawn around some gathers them."}
      </p>
    </div>
  );
}

function findingOf({ neighbours, shares }: Projection, name: string, step: number): string {
  const votes = `Neighbours are of the image's class for ${percent(neighbours.before)} of the images before training, and for ${percent(neighbours.after)} with ${name} after step ${count(step)}.`;
  if (!shares) return votes;
  return `${votes} The two axes hold ${percent(shares[0] ?? Number.NaN, 0)} and ${percent(shares[1] ?? Number.NaN, 0)} of all variance.`;
}

function tableOf({ dataset, images, labels }: Embedded, { before, after }: Projection): Table {
  const place = (points: Float32Array, i: number) => [points[2 * i] as number, points[2 * i + 1] as number].map((v) => v.toPrecision(3));
  return {
    head: ["Image", "Class", "before x", "before y", "after x", "after y"],
    rows: Array.from(images.slice(0, LINES), (image, i) => [
      `${i + 1} ${dataset.sources[image]}`,
      dataset.classes[labels[i] as number] ?? "",
      ...place(before, i),
      ...place(after, i),
    ]),
  };
}

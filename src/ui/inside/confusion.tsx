/** Which classes each lane mixes up, and the images on which it does. */
import { type CSSProperties, useMemo, useRef, useState } from "react";
import { type Confusion, confusionOf, type Mixup, mixups } from "../../analysis/confusion.ts";
import type { Answered } from "../../store/inside.ts";
import type { Look } from "../look.ts";
import { count, percent, plural } from "../numbers.ts";
import { Figure, type Table } from "../parts/figure.tsx";
import { Term } from "../parts/term.tsx";
import { Gallery } from "./gallery.tsx";
import { type Cell, Matrix } from "./matrix.tsx";
import { IN_ORDER, orderOf } from "./order.ts";
import { LaneChoice, useChosenLane, WithAnswers } from "./shell.tsx";
import { mixedUp, sureOf } from "./words.ts";

/** A table has a column for each class up to so many, and else a line for each cell. */
const COLUMNS = 20;
const LINES = 500;
const WORST = 10;

export default function ConfusionView() {
  return <WithAnswers>{(answered, looks) => <Mixed answered={answered} looks={looks} />}</WithAnswers>;
}

function Mixed({ answered, looks }: { readonly answered: Answered; readonly looks: readonly Look[] }) {
  const { dataset, truth, images } = answered;
  const lane = useChosenLane(looks);
  const answers = answered.lanes[lane]?.answers;
  const [chosen, setChosen] = useState<Cell | null>(null);
  const [asShares, setAsShares] = useState(false);
  const [sought, setSought] = useState("");
  const opened = useRef<HTMLElement>(null);
  const confusion = useMemo(
    () => confusionOf(truth, answers?.predicted ?? truth, dataset.classes.length),
    [truth, answers, dataset.classes.length],
  );
  const worst = useMemo(() => mixups(confusion), [confusion]);
  const order = useMemo(() => orderOf(confusion, worst, dataset.classes, sought), [confusion, worst, dataset, sought]);
  const tiles = useMemo(() => {
    if (!chosen || !answers) return [];
    const found = Array.from(truth.keys()).filter((i) => truth[i] === chosen.truth && answers.predicted[i] === chosen.predicted);
    found.sort((a, b) => (answers.confidence[b] as number) - (answers.confidence[a] as number));
    return found.map((i) => ({ image: images[i] as number, lines: [sureOf(answers.confidence[i] as number)] }));
  }, [chosen, answers, truth, images]);
  const many = dataset.classes.length > IN_ORDER;
  const title = chosen && between(dataset.classes, chosen);
  return (
    <>
      <div className="row">
        <LaneChoice looks={looks} value={lane} />
        <label className="check">
          <input type="checkbox" checked={asShares} onChange={(event) => setAsShares(event.target.checked)} />
          Shares of the row in %
        </label>
        {many && (
          <input
            aria-label="Find a class"
            placeholder="Find a class"
            value={sought}
            onChange={(event) => {
              setSought(event.target.value);
            }}
          />
        )}
      </div>
      <div className="confused" style={{ "--cells": order.length } as CSSProperties}>
        <Figure
          title={
            <Term
              explains={
                <p>
                  Each row holds the images of one class, each column those that were taken for one. The diagonal is right; the rest are
                  mistakes, darker where they are a larger share of their row.
                </p>
              }
            >
              True class by predicted class
            </Term>
          }
          finding={mixedUp(worst, dataset.classes, looks[lane]?.name ?? "", images.length)}
          table={() => tableOf(confusion, worst, dataset.classes, order, asShares)}
        >
          {many && (
            <p className="hint">{sought ? "The classes found, then those they are confused with." : "Most confused classes first."}</p>
          )}
          {order.length > 0 ? (
            <Matrix
              key={sought}
              confusion={confusion}
              names={dataset.classes}
              order={order}
              asShares={asShares}
              chosen={chosen}
              onChoose={setChosen}
            />
          ) : (
            <p>No class is called that.</p>
          )}
        </Figure>
        {/* Of one place on the page, so that the matrix stays under the pointer when they open. */}
        <section ref={opened} className="confused-images" aria-label="Images of the cell">
          {title ? (
            <>
              <h3 role="status">
                {title}: {plural(tiles.length, "image")}
              </h3>
              <Gallery dataset={dataset} label={title} tiles={tiles} />
            </>
          ) : (
            <p className="hint">Press a cell or a line of the list, and its images are shown here.</p>
          )}
        </section>
        <section aria-label="Worst confusions">
          <h3>Worst confusions</h3>
          {worst.length === 0 && <p className="hint">None: every image was answered right.</p>}
          <ol className="worst">
            {worst.slice(0, WORST).map((mixup) => (
              <li key={`${mixup.truth} ${mixup.predicted}`}>
                <button
                  type="button"
                  className="quiet"
                  aria-pressed={chosen?.truth === mixup.truth && chosen.predicted === mixup.predicted}
                  onClick={() => {
                    setChosen(mixup);
                    opened.current?.scrollIntoView({ block: "nearest" });
                  }}
                >
                  <span dir="auto">{between(dataset.classes, mixup)}</span>
                  <span className="hint">
                    {plural(mixup.images, "image")}, {percent(mixup.share, 0)}
                  </span>
                </button>
              </li>
            ))}
          </ol>
        </section>
      </div>
    </>
  );
}

const between = (names: readonly string[], { truth, predicted }: Cell): string =>
  truth === predicted ? `${names[truth]}, right` : `${names[truth]} → ${names[predicted]}`;

function tableOf(
  { classes, counts, support }: Confusion,
  worst: readonly Mixup[],
  names: readonly string[],
  order: readonly number[],
  asShares: boolean,
): Table {
  if (order.length > COLUMNS)
    return {
      head: ["True → predicted", "Images", "Share of the row"],
      rows: worst.slice(0, LINES).map((mixup) => [between(names, mixup), count(mixup.images), percent(mixup.share)]),
    };
  const write = (truth: number, images: number) => (asShares ? percent(images / Math.max(1, support[truth] as number)) : count(images));
  return {
    head: ["True class", ...order.map((label) => `as ${names[label]}`)],
    rows: order.map((truth) => [
      names[truth] ?? "",
      ...order.map((predicted) => write(truth, counts[truth * classes + predicted] as number)),
    ]),
  };
}

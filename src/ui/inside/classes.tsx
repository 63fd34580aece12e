/** Precision, recall and F1 of every class, lane by lane. */
import { useMemo, useState } from "react";
import { type ClassScores, classScores, confusionOf, type Scores } from "../../analysis/confusion.ts";
import type { Answered } from "../../store/inside.ts";
import type { Look } from "../look.ts";
import { count } from "../numbers.ts";
import { Term } from "../parts/term.tsx";
import { LaneChoice, useChosenLane, WithAnswers } from "./shell.tsx";

const COLUMNS = [
  { id: "precision", name: "Precision", explains: "Of the images that were taken for the class, the share that is of it." },
  { id: "recall", name: "Recall", explains: "Of the images of the class, the share that was found." },
  { id: "f1", name: "F1", explains: "Harmonic mean of precision and recall: low when either is low." },
  { id: "support", name: "Images", explains: "Images of the class among those that were asked about." },
] as const;

type Column = "name" | keyof Scores;
/** Rows drawn at once. */
const PAGE = 100;

export default function ClassesView() {
  return <WithAnswers>{(answered, looks) => <PerClass answered={answered} looks={looks} />}</WithAnswers>;
}

function PerClass({ answered, looks }: { readonly answered: Answered; readonly looks: readonly Look[] }) {
  const { dataset, truth } = answered;
  const lane = useChosenLane(looks);
  const answers = answered.lanes[lane]?.answers;
  const [sorting, setSorting] = useState<{ readonly by: Column; readonly down: boolean }>({ by: "f1", down: false });
  const [shown, setShown] = useState(PAGE);
  const scores = useMemo(
    () => classScores(confusionOf(truth, answers?.predicted ?? truth, dataset.classes.length)),
    [truth, answers, dataset.classes.length],
  );
  const order = useMemo(() => sorted(scores, dataset.classes, sorting.by, sorting.down), [scores, dataset, sorting]);
  const turn = (by: Column) => setSorting((before) => ({ by, down: before.by === by ? !before.down : by !== "name" }));
  const arrow = <span aria-hidden="true">{sorting.down ? "↓" : "↑"}</span>;
  // Beside numbers the arrow stands on the side where it does not move the name off its column.
  const heading = (id: Column, name: string) => (
    <button type="button" className="quiet" onClick={() => turn(id)}>
      {sorting.by === id && id !== "name" && arrow}
      {name}
      {sorting.by === id && id === "name" && arrow}
    </button>
  );
  const sortOf = (id: Column) => (sorting.by === id ? (sorting.down ? "descending" : "ascending") : "none");
  return (
    <>
      <LaneChoice looks={looks} value={lane} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard */}
      <section className="scroll numbers" aria-label={`Classes of ${looks[lane]?.name ?? ""}`} tabIndex={0}>
        <table className="per-class">
          <thead>
            <tr>
              <th scope="col" aria-sort={sortOf("name")}>
                {heading("name", "Class")}
              </th>
              {COLUMNS.map(({ id, name }) => (
                <th key={id} scope="col" aria-sort={sortOf(id)}>
                  {heading(id, name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {order.slice(0, shown).map((label) => (
              <Row key={label} name={dataset.classes[label] ?? ""} scores={scores.classes[label] as Scores} />
            ))}
          </tbody>
          <tfoot>
            <Row name="Mean over classes" scores={scores.macro} />
            <Row name="Mean weighted by images" scores={scores.weighted} />
          </tfoot>
        </table>
      </section>
      {order.length > shown && (
        <button type="button" onClick={() => setShown(shown + PAGE)}>
          Show {count(Math.min(PAGE, order.length - shown))} more of {count(order.length)} classes
        </button>
      )}
      <p className="hint">
        {COLUMNS.slice(0, 3).map(({ id, name, explains }) => (
          <span key={id}>
            What is <Term explains={<p>{explains}</p>}>{name.replace(/^[PR]/, (letter) => letter.toLowerCase())}</Term>?{" "}
          </span>
        ))}
        A class that was never the answer has a precision of 0; one without images here has a recall of 0.
      </p>
    </>
  );
}

function Row({ name, scores }: { readonly name: string; readonly scores: Scores }) {
  return (
    <tr>
      <th scope="row" dir="auto">
        {name}
      </th>
      {COLUMNS.map(({ id }) => (
        <td key={id}>
          {id === "support" ? (
            count(scores.support)
          ) : (
            <>
              <span className="bar" aria-hidden="true">
                <i style={{ width: `${scores[id] * 100}%` }} />
              </span>
              {scores[id].toFixed(3)}
            </>
          )}
        </td>
      ))}
    </tr>
  );
}

function sorted({ classes }: ClassScores, names: readonly string[], by: Column, down: boolean): number[] {
  const sign = down ? -1 : 1;
  const compare = (a: number, b: number) =>
    by === "name"
      ? (names[a] ?? "").localeCompare(names[b] ?? "")
      : (classes[a] as Scores)[by] - (classes[b] as Scores)[by] || (down ? b - a : a - b);
  return classes.map((_, label) => label).sort((a, b) => sign * compare(a, b));
}

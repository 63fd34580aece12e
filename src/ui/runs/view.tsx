/** Runs that are kept in this browser: to look at again, to compare, to take away, to delete. */
import { useState } from "react";
import { type RunSummary, refreshRuns, removeAllRuns, restoreRuns, useRuns } from "../../store/runs.ts";
import { saveTable, takeRuns } from "../../store/runsfile.ts";
import { bytes, plural } from "../numbers.ts";
import { Choose } from "../parts/drop.tsx";
import { Icon } from "../parts/icon.tsx";
import { Notice } from "../parts/notice.tsx";
import { RunDetail } from "./detail.tsx";
import { RunRow } from "./row.tsx";
import "./runs.css";

/** Rows drawn at once. */
const PAGE = 40;

export default function RunsView() {
  const { list, problem, removed } = useRuns();
  const [open, setOpen] = useState<string | null>(null);
  const [shown, setShown] = useState(PAGE);
  if (list === null) return <p role="status">Reading the list …</p>;
  const size = list.reduce((sum, run) => sum + run.bytes, 0);
  return (
    <div className="runs">
      <div className="row">
        <p className="hint">
          Every run that ends is kept in this browser, without its images and weights. {plural(list.length, "run")}, {bytes(size)}.
        </p>
        <Choose accept=".json,application/json" onChoose={(files) => void takeRuns(files)}>
          <Icon name="import" /> Import
        </Choose>
        <button type="button" disabled={list.length === 0} onClick={() => void saveTable(idsOf(list), "figures")}>
          <Icon name="download" /> All as CSV
        </button>
        <button type="button" disabled={list.length === 0} onClick={() => void removeAllRuns()}>
          Delete all
        </button>
      </div>
      {problem && (
        <Notice kind="error" onDismiss={() => void refreshRuns()}>
          <p>{problem}</p>
        </Notice>
      )}
      {removed.length > 0 && (
        <Notice kind="info" onDismiss={() => useRuns.setState({ removed: [] })}>
          <p>
            {removed.length === 1 ? `${removed[0]?.summary.name} was deleted. ` : `${plural(removed.length, "run")} were deleted. `}
            <button type="button" className="link" onClick={() => void restoreRuns()}>
              Undo
            </button>
          </p>
        </Notice>
      )}
      {list.length === 0 ? (
        <p>No run yet. Train, and it appears here.</p>
      ) : (
        <List list={list.slice(0, shown)} open={open} onOpen={setOpen} />
      )}
      {list.length > shown && (
        <button type="button" onClick={() => setShown(shown + PAGE)}>
          Show more ({list.length - shown})
        </button>
      )}
      {open !== null && list.some(({ id }) => id === open) && <RunDetail key={open} id={open} />}
    </div>
  );
}

const idsOf = (list: readonly RunSummary[]): readonly string[] => list.map(({ id }) => id);

interface ListProps {
  readonly list: readonly RunSummary[];
  readonly open: string | null;
  readonly onOpen: (id: string | null) => void;
}

function List({ list, open, onOpen }: ListProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard
    <section className="scroll" aria-label="Kept runs" tabIndex={0}>
      <table className="runs-list">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Accuracy</th>
            <th scope="col">Images</th>
            <th scope="col">Seeds</th>
            <th scope="col">Date</th>
            <th scope="col">Size</th>
            <td />
          </tr>
        </thead>
        <tbody>
          {list.map((run) => (
            <RunRow key={run.id} run={run} open={open === run.id} onOpen={() => onOpen(open === run.id ? null : run.id)} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

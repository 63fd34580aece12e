/** One kept run in the list. */
import { useEffect, useState } from "react";
import { changeRun, type RunSummary, removeRun } from "../../store/runs.ts";
import { looksOf } from "../look.ts";
import { bytes, count, percent } from "../numbers.ts";
import { Icon } from "../parts/icon.tsx";
import { Swatch } from "../parts/swatch.tsx";

interface Props {
  readonly run: RunSummary;
  readonly open: boolean;
  readonly onOpen: () => void;
}

const MOST_NAME = 80;

export function RunRow({ run, open, onOpen }: Props) {
  const { id, name, pinned } = run;
  return (
    <tr className={open ? "chosen" : ""}>
      <th scope="row">
        <RunName id={id} name={name} />
      </th>
      <td>
        <Accuracies run={run} />
      </td>
      <td dir="auto">
        {run.data} <small>{count(run.images)}</small>
      </td>
      <td>{run.seeds.length === run.asked ? run.asked : `${run.seeds.length} of ${run.asked}`}</td>
      <td>
        <time dateTime={run.date}>{new Date(run.date).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" })}</time>
      </td>
      <td>{bytes(run.bytes)}</td>
      <td className="runs-acts">
        <button type="button" aria-expanded={open} aria-label={`${open ? "Close" : "Open"} ${name}`} onClick={onOpen}>
          {open ? "Close" : "Open"}
        </button>
        <button
          type="button"
          className={pinned ? "toggle on" : "toggle"}
          aria-pressed={pinned}
          aria-label={`Pin ${name}`}
          title="Draws its curves over the charts of the race"
          onClick={() => void changeRun(id, { pinned: !pinned })}
        >
          Pin
        </button>
        <button type="button" className="quiet" aria-label={`Delete ${name}`} onClick={() => void removeRun(id)}>
          <Icon name="close" />
        </button>
      </td>
    </tr>
  );
}

function Accuracies({ run: { lanes } }: { readonly run: RunSummary }) {
  const looks = looksOf(lanes.map(({ config }) => config));
  return (
    <ul className="runs-lanes">
      {lanes.map(({ judged, diverged }, index) => {
        const look = looks[index];
        return look ? (
          <li key={look.name}>
            <Swatch look={look} /> {look.label}{" "}
            {judged ? (
              <b>
                {percent(judged.accuracy)} <small>± {((judged.high - judged.low) * 50).toFixed(1)}</small>
              </b>
            ) : (
              <span className="diverged">{diverged > 0 ? "diverged" : "–"}</span>
            )}
          </li>
        ) : null;
      })}
    </ul>
  );
}

function RunName({ id, name }: { readonly id: string; readonly name: string }) {
  const [text, setText] = useState(name);
  useEffect(() => setText(name), [name]);
  const commit = () => {
    const typed = text.trim();
    if (typed === "" || typed === name) setText(name);
    else void changeRun(id, { name: typed });
  };
  return (
    <input
      dir="auto"
      aria-label={`Name of ${name}`}
      className="runs-name"
      maxLength={MOST_NAME}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === "Enter" && commit()}
    />
  );
}

/** How even the classes are, in words, and a way to even them out. */
import { useMemo, useState } from "react";
import type { Dataset } from "../../data/dataset.ts";
import type { Places } from "../../data/surveyworker.ts";
import { classTable } from "../../data/table.ts";
import { even } from "../../store/bench.ts";
import { useSetup } from "../../store/setup.ts";
import { count, plural } from "../numbers.ts";

/** From this ratio of the largest class to the smallest on it is said: one decimal would call less 1.0. */
const EVEN = 1.1;

export function Balance({ dataset, places }: { readonly dataset: Dataset; readonly places: Places | null }) {
  const { setBalance } = useSetup();
  const { seed, balance } = useSetup(({ config }) => config);
  const table = useMemo(() => classTable(dataset).filter((row) => row.count > 0), [dataset]);
  const [text, setText] = useState("");
  const [first] = table;
  if (!first || table.length < 2) return null;
  const largest = table.reduce((a, b) => (b.count > a.count ? b : a), first);
  const smallest = table.reduce((a, b) => (b.count < a.count ? b : a), first);
  const times = largest.count / smallest.count;
  const most = text === "" ? smallest.count : Math.floor(Number(text));
  const isEven = times < EVEN;
  const gone = table.reduce((sum, row) => sum + Math.max(0, row.count - most), 0);
  return (
    <div className="balance">
      {!isEven && (
        <p>
          The largest class, <bdi>{largest.name}</bdi>, has {times < 1.95 ? times.toFixed(1) : count(Math.round(times))} times as many
          images as the smallest, <bdi>{smallest.name}</bdi>: {count(largest.count)} and {count(smallest.count)}.
        </p>
      )}
      {times > 1 && (
        <label className="check">
          <input type="checkbox" checked={balance} onChange={(event) => setBalance(event.target.checked)} />
          weigh classes equally in the loss
        </label>
      )}
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          if (places && gone > 0) even(most, seed, places);
          setText("");
        }}
      >
        <label>
          At most{" "}
          <input
            className="number"
            inputMode="numeric"
            aria-label="Images of a class at most"
            placeholder={String(smallest.count)}
            value={text}
            onChange={(event) => setText(event.target.value.replace(/\D/g, "").slice(0, 7))}
          />{" "}
          a class
        </label>
        <button type="submit" disabled={!places || gone === 0 || most < 1}>
          Even out
        </button>
        <span className="hint">{gone > 0 ? `Moves ${plural(gone, "image")} to the bin, test images last.` : ""}</span>
      </form>
    </div>
  );
}

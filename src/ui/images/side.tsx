// biome-ignore-all lint/a11y/useSemanticElements lint/a11y/useFocusableInteractive lint/a11y/useKeyWithClickEvents: the list has the focus and the keys, and names the active class
/** The classes beside the grid: to choose, to drop images on, and what can be done with the chosen. */
import { type KeyboardEvent, useId, useMemo, useState } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { PLACES } from "../../data/surveyor.ts";
import type { Places } from "../../data/surveyworker.ts";
import { choose, PLACE_WORDS, useBench } from "../../store/bench.ts";
import { takeDrop } from "../../store/dropped.ts";
import { count } from "../numbers.ts";
import { Icon } from "../parts/icon.tsx";
import { DRAGGED } from "./grid.tsx";
import { useRows } from "./rows.ts";

const ORDERS = ["as they are", "by name", "by count"] as const;
const BY_NAME = new Intl.Collator(undefined, { numeric: true });
/** In rem. */
const TALL = 2.25;

/** Of `PLACES`, from left to right. */
const BAR = [1, 2, 3, 0] as const;

interface Counted {
  readonly name: string;
  readonly count: number;
  /** By place: see `PLACES`. */
  readonly parts: readonly number[];
}

function countClasses(dataset: Dataset, places: Places | null): Counted[] {
  const parts = dataset.classes.map(() => PLACES.map(() => 0));
  dataset.labels.forEach((label, image) => {
    const row = parts[label];
    const place = places?.[image] ?? 0;
    if (row) row[place] = (row[place] ?? 0) + 1;
  });
  return dataset.classes.map((name, label) => ({
    name,
    parts: parts[label] ?? [],
    count: (parts[label] ?? []).reduce((sum, n) => sum + n, 0),
  }));
}

interface Props {
  readonly dataset: Dataset;
  readonly places: Places | null;
  /** Images of the grid were dropped on a class. */
  readonly onTake: (className: string) => void;
}

export function Side({ dataset, places, onTake }: Props) {
  const id = useId();
  const chosen = useBench((bench) => bench.chosen);
  const [search, setSearch] = useState("");
  const [order, setOrder] = useState(0);
  const [active, setActive] = useState(0);
  const counted = useMemo(() => countClasses(dataset, places), [dataset, places]);
  const most = counted.reduce((largest, row) => Math.max(largest, row.count), 1);
  const rows = useMemo(() => {
    const wanted = search.trim().toLowerCase();
    const found = counted.filter(({ name }) => name.toLowerCase().includes(wanted));
    if (order === 1) found.sort((a, b) => BY_NAME.compare(a.name, b.name));
    if (order === 2) found.sort((a, b) => b.count - a.count);
    return found;
  }, [counted, search, order]);

  const { scroller, virtual } = useRows(rows.length, TALL, 6);
  const at = Math.min(active, Math.max(0, rows.length - 1));
  const pick = (place: number, toggles: boolean) => {
    const name = rows[place]?.name;
    if (name === undefined) return;
    setActive(place);
    const next = new Set(chosen);
    if (!next.delete(name)) next.add(name);
    // The only chosen one once more: all classes again.
    choose(toggles || (chosen.size === 1 && chosen.has(name)) ? next : [name]);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Readonly<Record<string, number>> = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: rows.length - 1 };
    const step = steps[event.key];
    if (step !== undefined) {
      const to = Math.max(0, Math.min(rows.length - 1, step));
      setActive(to);
      virtual.scrollToIndex(to);
    } else if (event.key === " " || event.key === "Enter") pick(at, event.key === " ");
    else if (event.key === "Escape" && chosen.size > 0) choose([]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <div className="row side-tools">
        <input
          type="search"
          aria-label="Search classes"
          placeholder="search classes"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <select aria-label="Order of the classes" value={order} onChange={(event) => setOrder(Number(event.target.value))}>
          {ORDERS.map((words, index) => (
            <option key={words} value={index}>
              {words}
            </option>
          ))}
        </select>
      </div>
      <div
        ref={scroller}
        className="side-list"
        role="listbox"
        aria-label="Classes to work on"
        aria-multiselectable="true"
        aria-activedescendant={rows.length > 0 ? `${id}-${at}` : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
      >
        <div className="grid-rows" role="presentation" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const row = rows[index];
            return (
              row && (
                <ClassOption
                  key={row.name}
                  id={`${id}-${index}`}
                  row={row}
                  top={start}
                  most={most}
                  chosen={chosen.has(row.name)}
                  active={index === at}
                  onPick={(toggles) => pick(index, toggles)}
                  onTake={onTake}
                />
              )
            );
          })}
        </div>
      </div>
      <p className="hint" aria-hidden="true">
        {BAR.filter((place) => counted.some(({ parts }) => (parts[place] ?? 0) > 0)).map((place) => (
          <span key={place}>
            <i className={`part-key part-${place}`} />
            {PLACE_WORDS[PLACES[place]]} {PLACES[place] === "test" && <Icon name="lock" />}
          </span>
        ))}
      </p>
    </>
  );
}

interface OptionProps {
  readonly id: string;
  readonly row: Counted;
  readonly top: number;
  readonly most: number;
  readonly chosen: boolean;
  readonly active: boolean;
  readonly onPick: (toggles: boolean) => void;
  readonly onTake: (className: string) => void;
}

function ClassOption({ id, row, top, most, chosen, active, onPick, onTake }: OptionProps) {
  const [over, setOver] = useState(false);
  const [, train = 0, validation = 0, test = 0] = row.parts;
  const said = `${row.name}, ${count(row.count)}: ${count(train)} training, ${count(validation)} validation, ${count(test)} test`;
  return (
    <div
      id={id}
      role="option"
      aria-selected={chosen}
      aria-label={said}
      title={row.name}
      className={`side-class ${active ? "active" : ""}`}
      data-over={over || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={({ ctrlKey, metaKey, shiftKey }) => onPick(ctrlKey || metaKey || shiftKey)}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes(DRAGGED) && !event.dataTransfer.types.includes("Files")) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false);
        event.preventDefault();
        if (event.dataTransfer.types.includes(DRAGGED)) onTake(row.name);
        else void takeDrop(event.dataTransfer.items, { className: row.name });
      }}
    >
      <span className="side-name" dir="auto">
        {row.name}
      </span>
      <span className="side-count">{count(row.count)}</span>
      <span className="side-bar">
        {BAR.map((place) => (
          <i key={place} className={`part-${place}`} style={{ width: `${(100 * (row.parts[place] ?? 0)) / most}%` }} />
        ))}
      </span>
    </div>
  );
}

// biome-ignore-all lint/a11y/useSemanticElements: a table cannot leave out the rows that are out of sight
// biome-ignore-all lint/a11y/useFocusableInteractive lint/a11y/useKeyWithClickEvents: the grid has the focus and the keys, and names the active cell
/** Thumbnails of any number of images, of which only those in sight are drawn: to choose from by pointer and by key. */
import { type KeyboardEvent, type MouseEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { PLACES } from "../../data/surveyor.ts";
import type { Places } from "../../data/surveyworker.ts";
import { PLACE_WORDS } from "../../store/bench.ts";
import { baseName, Cut, stemOf } from "../parts/cut.tsx";
import { Icon } from "../parts/icon.tsx";
import { useRem } from "../parts/rem.ts";
import { usePixels } from "./pixels.ts";
import { useRows } from "./rows.ts";
import { Picture } from "./thumbs.tsx";

/** What a drag within the page carries, so that it is told from files. */
export const DRAGGED = "application/x-fullrank-images";

/** In rem: a picture and its caption, and what is between two of them. */
const WIDE = 5.5;
const TALL = 7;
const GAP = 0.5;

interface Props {
  readonly label: string;
  readonly dataset: Dataset;
  /** Images of the dataset, in the order they are shown. */
  readonly images: readonly number[];
  /** What each is for; null where that is not known or does not matter. */
  readonly places: Places | null;
  readonly chosen: ReadonlySet<number>;
  readonly onChoose: (images: ReadonlySet<number>) => void;
  /** The Delete key. */
  readonly onDelete?: () => void;
}

export function Grid({ label, dataset, images, places, chosen, onChoose, onDelete }: Props) {
  const id = useId();
  const [width, setWidth] = useState(0);
  const rem = useRem();
  const columns = Math.max(1, Math.floor((width + GAP * rem) / ((WIDE + GAP) * rem)));
  const rows = Math.ceil(images.length / columns);
  const { scroller, virtual, height } = useRows(rows, TALL + GAP, 2);
  useEffect(() => {
    if (!scroller.current) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(entry.contentRect.width));
    observer.observe(scroller.current);
    return () => observer.disconnect();
  }, [scroller]);

  /** Places in `images`: where the keys are, and where a range began. */
  const [active, setActive] = useState(0);
  const anchor = useRef(0);
  const at = Math.min(active, Math.max(0, images.length - 1));
  const range = (to: number) => images.slice(Math.min(anchor.current, to), Math.max(anchor.current, to) + 1);
  const toggled = (image: number) => {
    const next = new Set(chosen);
    if (!next.delete(image)) next.add(image);
    return next;
  };
  const point = (place: number, event: Pick<MouseEvent, "shiftKey" | "ctrlKey" | "metaKey">, toggles: boolean) => {
    const image = images[place];
    if (image === undefined) return;
    setActive(place);
    if (event.shiftKey) return onChoose(new Set([...(event.ctrlKey ? chosen : []), ...range(place)]));
    anchor.current = place;
    onChoose(toggles || event.ctrlKey || event.metaKey ? toggled(image) : new Set([image]));
  };
  const go = (place: number, extend: boolean) => {
    const to = Math.max(0, Math.min(images.length - 1, place));
    setActive(to);
    virtual.scrollToIndex(Math.floor(to / columns));
    if (extend) onChoose(new Set(range(to)));
    else anchor.current = to;
  };
  const page = () => columns * Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / height) - 1);
  const onKeyDown = (event: KeyboardEvent) => {
    const key = event.key;
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at < columns ? at : at - columns,
      ArrowDown: at + columns < images.length ? at + columns : at,
      PageUp: at - page(),
      PageDown: at + page(),
      Home: 0,
      End: images.length - 1,
    };
    const step = steps[key];
    if (step !== undefined) go(step, event.shiftKey);
    else if (key === " ") point(at, event, true);
    else if (key === "a" && (event.ctrlKey || event.metaKey)) onChoose(new Set(images));
    else if (key === "Delete" || key === "Backspace") onDelete?.();
    else return;
    event.preventDefault();
  };

  const drawn = virtual.getVirtualItems();
  const activeRow = Math.floor(at / columns);
  return (
    <div
      ref={scroller}
      className="grid"
      role="grid"
      aria-label={label}
      aria-multiselectable="true"
      aria-rowcount={rows}
      aria-colcount={columns}
      aria-activedescendant={drawn.some(({ index }) => index === activeRow) ? `${id}-${at}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div className="grid-rows" role="presentation" style={{ height: virtual.getTotalSize() }}>
        {drawn.map(({ index, start }) => (
          <Row
            key={index}
            id={id}
            row={index}
            top={start}
            columns={columns}
            dataset={dataset}
            images={images}
            places={places}
            chosen={chosen}
            active={activeRow === index ? at : -1}
            onPoint={point}
          />
        ))}
      </div>
    </div>
  );
}

interface RowProps extends Pick<Props, "dataset" | "images" | "places" | "chosen"> {
  readonly id: string;
  readonly row: number;
  readonly top: number;
  readonly columns: number;
  /** The place that the keys are at, where it is in this row. */
  readonly active: number;
  readonly onPoint: (place: number, event: MouseEvent, toggles: boolean) => void;
}

function Row({ id, row, top, columns, dataset, images, places, chosen, active, onPoint }: RowProps) {
  const from = row * columns;
  const own = useMemo(() => images.slice(from, from + columns), [images, from, columns]);
  const pixels = usePixels(dataset, own);
  return (
    <div role="row" aria-rowindex={row + 1} className="grid-row" style={{ transform: `translateY(${top}px)` }}>
      {own.map((image, column) => {
        const place = from + column;
        const name = baseName(dataset.sources[image] ?? "");
        const part = places && PLACES[places[image] ?? 0];
        const words = [name, dataset.classes[dataset.labels[image] ?? 0], part && PLACE_WORDS[part]].filter(Boolean);
        return (
          <div
            key={image}
            id={`${id}-${place}`}
            role="gridcell"
            aria-colindex={column + 1}
            aria-selected={chosen.has(image)}
            aria-label={words.join(", ")}
            title={dataset.sources[image]}
            className={`cell ${active === place ? "active" : ""}`}
            draggable
            onDragStart={(event) => {
              if (!chosen.has(image)) onPoint(place, event, false);
              event.dataTransfer.setData(DRAGGED, String(image));
              event.dataTransfer.effectAllowed = "move";
            }}
            onClick={(event) => onPoint(place, event, (event.nativeEvent as PointerEvent).pointerType === "touch")}
          >
            <Picture pixels={pixels[column]} size={dataset.size} />
            <span className="cell-name" aria-hidden="true">
              {part === "test" && <Icon name="lock" />}
              <Cut name={stemOf(name)} />
            </span>
          </div>
        );
      })}
    </div>
  );
}

/** A confusion matrix of any size: only the cells in sight are drawn, and one is focused, by mouse or by arrow keys. */
import { type KeyboardEvent, type MouseEvent, useEffect, useId, useRef, useState } from "react";
import type { Confusion } from "../../analysis/confusion.ts";
import { count, percent, plural } from "../numbers.ts";
import { useRem } from "../parts/rem.ts";
import { drawCells, type Grid, gridOf } from "./cells.ts";
import { useInks } from "./inks.ts";

/** Labels of the true and of the predicted class. */
export interface Cell {
  readonly truth: number;
  readonly predicted: number;
}

interface Props {
  readonly confusion: Confusion;
  readonly names: readonly string[];
  /** The labels shown, in their order. */
  readonly order: readonly number[];
  /** Shares of the row in place of numbers of images. */
  readonly asShares: boolean;
  readonly chosen: Cell | null;
  readonly onChoose: (cell: Cell) => void;
}

const INKS = ["var(--ink)", "var(--ink-3)", "var(--bad)", "var(--grid)", "var(--panel)"];

function cellText({ counts, classes, support }: Confusion, names: readonly string[], { truth, predicted }: Cell): string {
  const images = counts[truth * classes + predicted] as number;
  const own = support[truth] as number;
  const what = truth === predicted ? `${names[truth]}, right` : `${names[truth]} taken for ${names[predicted]}`;
  return `${what}: ${count(images)} of ${plural(own, "image")}${own > 0 ? `, ${percent(images / own)}` : ""}`;
}

export function Matrix({ confusion, names, order, asShares, chosen, onChoose }: Props) {
  const id = useId();
  const rem = useRem();
  const inks = useInks(INKS);
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [place, setPlace] = useState({ row: 0, column: 0 });
  /** While the pointer or the keys are here. */
  const [isPointed, setPointed] = useState(false);
  const [followed, setFollowed] = useState(chosen);
  const home = () => {
    if (chosen) setPlace({ row: Math.max(0, order.indexOf(chosen.truth)), column: Math.max(0, order.indexOf(chosen.predicted)) });
  };
  // What is chosen elsewhere is what is spoken of.
  if (followed !== chosen) {
    setFollowed(chosen);
    home();
  }
  const [top, left] = [Math.min(place.row, order.length - 1), Math.min(place.column, order.length - 1)];
  const grid = gridOf(order.length, width, rem);
  const at = { truth: order[top] ?? 0, predicted: order[left] ?? 0 };

  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const sized = new ResizeObserver(() => setWidth(box.clientWidth));
    sized.observe(box);
    return () => sized.disconnect();
  }, []);

  useEffect(() => {
    const [box, target] = [scroller.current, canvas.current];
    if (!box || !target || width === 0) return;
    let frame = 0;
    const draw = () => {
      const view = { x: box.scrollLeft, y: box.scrollTop, width: box.clientWidth, height: box.clientHeight };
      drawCells(target, {
        grid,
        view,
        inks,
        rem,
        confusion,
        names,
        order,
        asShares,
        chosen,
        focus: isPointed ? { row: top, column: left } : null,
      });
    };
    const later = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(draw);
    };
    draw();
    box.addEventListener("scroll", later);
    return () => {
      cancelAnimationFrame(frame);
      box.removeEventListener("scroll", later);
    };
  });

  const cellAt = (event: MouseEvent) => {
    const box = scroller.current as HTMLDivElement;
    const { left: x, top: y } = box.getBoundingClientRect();
    const column = Math.floor((event.clientX - x + box.scrollLeft - grid.gutter) / grid.cell);
    const row = Math.floor((event.clientY - y + box.scrollTop - grid.head) / grid.cell);
    const isLabel = event.clientX - x < grid.gutter || event.clientY - y < grid.head;
    return !isLabel && row < order.length && column < order.length ? { row, column } : undefined;
  };
  const move = (row: number, column: number) => {
    const last = order.length - 1;
    const next = { row: Math.max(0, Math.min(last, row)), column: Math.max(0, Math.min(last, column)) };
    setPlace(next);
    setPointed(true);
    show(scroller.current, grid, next.row, next.column);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const last = order.length - 1;
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowUp: [top - 1, left],
      ArrowDown: [top + 1, left],
      ArrowLeft: [top, left - 1],
      ArrowRight: [top, left + 1],
      PageUp: [top - 10, left],
      PageDown: [top + 10, left],
      Home: [event.ctrlKey ? 0 : top, 0],
      End: [event.ctrlKey ? last : top, last],
    };
    const to = moves[event.key];
    if (to) move(...to);
    else if (event.key === "Enter" || event.key === " ") onChoose(at);
    else return;
    event.preventDefault();
  };
  return (
    <div className="matrix">
      {/* biome-ignore lint/a11y/useSemanticElements: a table would need all of a million cells */}
      <div
        ref={scroller}
        role="grid"
        tabIndex={0}
        className="matrix-scroll"
        aria-label="True class by row, predicted class by column"
        aria-rowcount={order.length}
        aria-colcount={order.length}
        aria-activedescendant={id}
        style={{ height: Math.min(grid.height, 40 * rem) }}
        onKeyDown={onKeyDown}
        onFocus={() => setPointed(true)}
        onBlur={() => setPointed(false)}
        onMouseLeave={() => {
          setPointed(false);
          home();
        }}
        onMouseMove={(event) => {
          const cell = cellAt(event);
          setPointed(cell !== undefined);
          if (cell) setPlace((before) => (before.row === cell.row && before.column === cell.column ? before : cell));
        }}
        onClick={(event) => {
          const cell = cellAt(event);
          if (cell) onChoose({ truth: order[cell.row] ?? 0, predicted: order[cell.column] ?? 0 });
        }}
      >
        <canvas ref={canvas} aria-hidden />
        <div className="matrix-space" aria-hidden style={{ width: grid.width, height: grid.height }} />
        {/* The one cell that is focused: a reader of screens hears its label, and no thousand others are made. */}
        {/* biome-ignore lint/a11y/useSemanticElements: likewise */}
        <div role="row" tabIndex={-1} aria-rowindex={top + 1} className="unseen">
          {/* biome-ignore lint/a11y/useSemanticElements: likewise */}
          <div role="gridcell" tabIndex={-1} id={id} aria-colindex={left + 1} aria-selected={isCell(chosen, at)}>
            {cellText(confusion, names, at)}
          </div>
        </div>
      </div>
      <p className="hint" aria-hidden="true" dir="auto">
        {isPointed || chosen ? cellText(confusion, names, at) : "Point at a cell, or walk with the arrow keys."}
      </p>
    </div>
  );
}

const isCell = (a: Cell | null, b: Cell): boolean => a?.truth === b.truth && a.predicted === b.predicted;

/** Scrolls so that a cell lies beside the labels and within the box. */
function show(box: HTMLDivElement | null, { gutter, head, cell }: Grid, row: number, column: number): void {
  if (!box) return;
  const [x, y] = [column * cell, row * cell];
  box.scrollTo({
    left: Math.min(x, Math.max(box.scrollLeft, x + cell + gutter - box.clientWidth)),
    top: Math.min(y, Math.max(box.scrollTop, y + cell + head - box.clientHeight)),
  });
}

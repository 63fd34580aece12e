/** Draws the cells of a confusion matrix that are in sight, with the names of their classes. */
import type { Confusion } from "../../analysis/confusion.ts";
import type { Cell } from "./matrix.tsx";

/** Pixels of CSS. */
export interface Grid {
  /** Side of a cell. */
  readonly cell: number;
  /** Width of the names on the left, and height of those on top. */
  readonly gutter: number;
  readonly head: number;
  /** Of the whole. */
  readonly width: number;
  readonly height: number;
}

/** Cells fill `width` between a least and a largest size; beyond that they scroll. */
export function gridOf(classes: number, width: number, rem: number): Grid {
  const gutter = Math.round(Math.min(9 * rem, width * 0.3));
  const head = Math.round(5.5 * rem);
  const cell = Math.floor(Math.max(1.25 * rem, Math.min(2.75 * rem, (width - gutter) / Math.max(1, classes))));
  return { cell, gutter, head, width: gutter + cell * classes, height: head + cell * classes };
}

export interface Drawing {
  readonly grid: Grid;
  /** What is in sight of the whole. */
  readonly view: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** Text, faint text, mistakes, lines, ground. */
  readonly inks: readonly string[];
  readonly rem: number;
  readonly confusion: Confusion;
  readonly names: readonly string[];
  readonly order: readonly number[];
  readonly asShares: boolean;
  readonly chosen: Cell | null;
  readonly focus: { readonly row: number; readonly column: number } | null;
}

export function drawCells(canvas: HTMLCanvasElement, drawing: Drawing): void {
  const { grid, view, order, inks, focus, chosen } = drawing;
  const sharp = devicePixelRatio;
  canvas.width = Math.round(view.width * sharp);
  canvas.height = Math.round(view.height * sharp);
  canvas.style.width = `${view.width}px`;
  canvas.style.height = `${view.height}px`;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.scale(sharp, sharp);
  pen.textBaseline = "middle";
  const { cell, gutter, head } = grid;
  const reach = (from: number, room: number) => [Math.floor(from / cell), Math.min(order.length, Math.ceil((from + room) / cell))] as const;
  const [top, bottom] = reach(view.y, view.height - head);
  const [left, right] = reach(view.x, view.width - gutter);
  const x = (column: number) => gutter + column * cell - view.x;
  const y = (row: number) => head + row * cell - view.y;
  pen.save();
  pen.beginPath();
  pen.rect(gutter, head, view.width, view.height);
  pen.clip();
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) paint(pen, drawing, row, column, x(column), y(row));
  }
  pen.strokeStyle = inks[0] as string;
  const frame = (row: number, column: number, width: number) => {
    pen.lineWidth = width;
    pen.strokeRect(x(column) + width / 2, y(row) + width / 2, cell - 1 - width, cell - 1 - width);
  };
  if (focus) frame(focus.row, focus.column, 1);
  if (chosen) frame(order.indexOf(chosen.truth), order.indexOf(chosen.predicted), 2.5);
  pen.restore();
  writeNames(pen, drawing, [top, bottom], [left, right], x, y);
}

type Pen = CanvasRenderingContext2D;

function paint(
  pen: Pen,
  { grid: { cell }, confusion, order, inks, asShares, rem }: Drawing,
  row: number,
  column: number,
  x: number,
  y: number,
): void {
  const [text = "", faint = "", bad = "", line = "", ground = ""] = inks;
  const [truth, predicted] = [order[row] as number, order[column] as number];
  const images = confusion.counts[truth * confusion.classes + predicted] as number;
  const share = images / Math.max(1, confusion.support[truth] as number);
  // The diagonal is what was hoped for, and stays quiet; small shares must still be seen.
  const depth = truth === predicted ? 0.22 * share : 0.85 * Math.sqrt(share);
  pen.globalAlpha = 1;
  pen.fillStyle = line;
  pen.fillRect(x, y, cell - 1, cell - 1);
  pen.fillStyle = ground;
  pen.fillRect(x + 0.5, y + 0.5, cell - 2, cell - 2);
  pen.globalAlpha = depth;
  pen.fillStyle = truth === predicted ? text : bad;
  pen.fillRect(x, y, cell - 1, cell - 1);
  pen.globalAlpha = 1;
  if (images === 0) return;
  pen.fillStyle = truth === predicted ? faint : depth > 0.55 ? ground : text;
  pen.textAlign = "center";
  const word = asShares ? `${Math.round(100 * share)}` : images > 9999 ? `${Math.round(images / 1000)}k` : String(images);
  pen.font = `${Math.min(0.75 * rem, (1.7 * cell) / Math.max(2, word.length))}px system-ui, sans-serif`;
  pen.fillText(word, x + cell / 2 - 0.5, y + cell / 2);
}

function writeNames(
  pen: Pen,
  { grid: { cell, gutter, head }, order, names, inks, rem }: Drawing,
  [top, bottom]: readonly [number, number],
  [left, right]: readonly [number, number],
  x: (column: number) => number,
  y: (row: number) => number,
): void {
  pen.font = `${0.75 * rem}px system-ui, sans-serif`;
  pen.fillStyle = inks[1] as string;
  const name = (index: number, room: number) => fitted(pen, names[order[index] as number] ?? "", room);
  pen.textAlign = "right";
  pen.save();
  pen.beginPath();
  pen.rect(0, head, gutter, 1e6);
  pen.clip();
  for (let row = top; row < bottom; row++) pen.fillText(name(row, gutter - 10), gutter - 6, y(row) + cell / 2);
  pen.restore();
  pen.beginPath();
  pen.rect(gutter, 0, 1e6, head);
  pen.clip();
  pen.textAlign = "left";
  for (let column = left; column < right; column++) {
    pen.save();
    pen.translate(x(column) + cell / 2, head - 6);
    pen.rotate(-Math.PI / 2);
    pen.fillText(name(column, head - 10), 0, 0);
    pen.restore();
  }
}

/** The text, cut to a width in pixels. */
function fitted(pen: Pen, text: string, room: number): string {
  if (pen.measureText(text).width <= room) return text;
  const letters = [...text];
  while (letters.length > 1 && pen.measureText(`${letters.join("")}…`).width > room) letters.pop();
  return `${letters.join("")}…`;
}

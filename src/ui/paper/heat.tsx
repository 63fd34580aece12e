/** A table of numbers as colours, with a cursor that mouse, touch and arrow keys move. What has no number is hatched. */
import { type CSSProperties, type KeyboardEvent, memo, type PointerEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { colourOf, GRADIENT } from "./colour.ts";

interface Props {
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  /** NaN: there is none. */
  readonly value: (row: number, column: number) => number;
  readonly most: number;
  readonly least?: number;
  /** Of the cell under the cursor. */
  readonly describe: (row: number, column: number) => string;
  /** Rows before which a line is drawn. */
  readonly breaks?: readonly number[];
  /** Drawn over the cells. */
  readonly children?: ReactNode;
}

export function Heat({ label, rows, columns, value, most, least = 0, describe, breaks = [], children }: Props) {
  const [cursor, setCursor] = useState<readonly [row: number, column: number]>();
  if (rows === 0 || columns === 0) return null;

  const [row, column] = [Math.min(cursor?.[0] ?? 0, rows - 1), Math.min(cursor?.[1] ?? columns - 1, columns - 1)];
  const point = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const at = (share: number, count: number) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    setCursor([at((event.clientY - box.top) / box.height, rows), at((event.clientX - box.left) / box.width, columns)]);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      Home: [row, 0],
      End: [row, columns - 1],
      PageUp: [breaks.findLast((start) => start < row) ?? 0, column],
      PageDown: [breaks.find((start) => start > row) ?? rows - 1, column],
    };
    const next = moves[event.key];
    if (!next) return;
    event.preventDefault();
    setCursor([Math.min(rows - 1, Math.max(0, next[0])), Math.min(columns - 1, Math.max(0, next[1]))]);
  };
  return (
    <div className="heat">
      <div
        className="heat-cells"
        style={{ "--columns": columns, "--rows": rows } as CSSProperties}
        role="slider"
        tabIndex={0}
        aria-label={label}
        aria-valuemin={1}
        aria-valuemax={rows * columns}
        aria-valuenow={row * columns + column + 1}
        aria-valuetext={describe(row, column)}
        onKeyDown={onKeyDown}
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={({ pointerType }) => pointerType === "mouse" && setCursor(undefined)}
      >
        <Cells rows={rows} columns={columns} value={value} least={least} most={most} />
        {children}
        {breaks.map((start) => (
          <i key={start} className="heat-break" style={{ top: `${(100 * start) / rows}%` }} />
        ))}
        <i
          className={cursor ? "heat-cursor moved" : "heat-cursor"}
          style={{
            top: `${(100 * row) / rows}%`,
            left: `${(100 * column) / columns}%`,
            width: `${100 / columns}%`,
            height: `${100 / rows}%`,
          }}
        />
      </div>
      <p className="heat-reading">{describe(row, column)}</p>
    </div>
  );
}

/** Drawn again when its numbers change, and not whenever the cursor moves. */
const Cells = memo(function Cells({
  rows,
  columns,
  value,
  least,
  most,
}: Pick<Props, "rows" | "columns" | "value" | "most"> & { readonly least: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const image = context.createImageData(columns, rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const number = value(row, column);
        if (Number.isFinite(number))
          image.data.set([...colourOf((number - least) / (most - least || 1)), 255], 4 * (row * columns + column));
      }
    }
    context.putImageData(image, 0, 0);
  });
  return <canvas ref={canvas} width={columns} height={rows} />;
});

/** What the colours mean. */
export function Scale({ least = "0", most, none }: { readonly least?: string; readonly most: string; readonly none: string }) {
  return (
    <p className="scale">
      <span>{least}</span>
      <i style={{ background: GRADIENT }} />
      <span>{most}</span>
      <i className="hatched" />
      <span>{none}</span>
    </p>
  );
}

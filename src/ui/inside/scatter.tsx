/** Images as points: pointed at by mouse or arrow keys, opened by a click, gathered by a line drawn around them. */
import { type KeyboardEvent, type PointerEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { useRem } from "../parts/rem.ts";
import { useInks } from "./inks.ts";
import { MARK_INKS } from "./marks.ts";
import { drawPlane, nearestPoint, nextPoint, viewOf, within } from "./plane.ts";

interface Props {
  readonly title: string;
  /** (n, 2); and all sets that are to lie on the same axes. */
  readonly points: Float32Array;
  readonly together: readonly Float32Array[];
  readonly labels: Uint32Array;
  readonly names: readonly string[];
  readonly textOf: (i: number) => string;
  readonly focus: number | null;
  readonly onFocus: (i: number | null) => void;
  readonly chosen: ReadonlySet<number>;
  readonly onChoose: (points: readonly number[]) => void;
  readonly onOpen: (i: number) => void;
}

const INKS = [...MARK_INKS, "var(--ink)", "var(--panel)"];
/** Pixels: how far a point may be from the mouse, and how far the mouse moves before it draws a line. */
const REACH = 14;
const DRAG = 5;
const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function Scatter(props: Props) {
  const { title, points, together, labels, names, textOf, focus, onFocus, chosen, onChoose, onOpen } = props;
  const id = useId();
  const rem = useRem();
  const inks = useInks(INKS);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [line, setLine] = useState<readonly number[]>([]);
  const view = useMemo(() => viewOf(together, width, Math.round(0.8 * width)), [together, width]);

  useEffect(() => {
    const target = canvas.current;
    if (!target) return;
    const sized = new ResizeObserver(() => setWidth(target.clientWidth));
    sized.observe(target);
    return () => sized.disconnect();
  }, []);
  useEffect(() => {
    if (canvas.current && width > 0) drawPlane(canvas.current, { view, points, labels, names, focus, chosen, line, inks, rem });
  }, [view, points, labels, names, focus, chosen, line, inks, rem, width]);

  const placeOf = ({ clientX, clientY, currentTarget }: PointerEvent) => {
    const { left, top } = currentTarget.getBoundingClientRect();
    return [clientX - left, clientY - top] as const;
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const arrow = ARROWS[event.key];
    if (arrow) onFocus(focus === null ? 0 : nextPoint(view, points, focus, ...arrow));
    else if ((event.key === "Enter" || event.key === " ") && focus !== null) onOpen(focus);
    else return;
    event.preventDefault();
  };
  const finish = (event: PointerEvent) => {
    const found = line.length > 4 ? within(view, points, line) : [];
    const isClick = line.length <= 2;
    setLine([]);
    if (!isClick) onChoose(found);
    const nearest = isClick ? nearestPoint(view, points, ...placeOf(event), REACH) : null;
    if (nearest !== null) onOpen(nearest);
  };
  return (
    <div className="plane">
      <h4>{title}</h4>
      <div
        role="listbox"
        tabIndex={0}
        aria-label={`${title}: ${labels.length} images as points`}
        aria-activedescendant={focus === null ? undefined : id}
        onKeyDown={onKeyDown}
        onFocus={() => focus === null && labels.length > 0 && onFocus(0)}
      >
        <canvas
          ref={canvas}
          aria-hidden
          style={{ height: view.height }}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            setLine([...placeOf(event)]);
          }}
          onPointerMove={(event) => {
            const [x, y] = placeOf(event);
            const [lastX = x, lastY = y] = line.slice(-2);
            if (line.length === 0) onFocus(nearestPoint(view, points, x, y, REACH));
            else if (Math.hypot(x - lastX, y - lastY) > DRAG) setLine([...line, x, y]);
          }}
          onPointerUp={finish}
          onPointerCancel={() => setLine([])}
          onPointerLeave={() => line.length === 0 && onFocus(null)}
        />
        {focus !== null && (
          <div
            role="option"
            tabIndex={-1}
            id={id}
            className="unseen"
            aria-selected={chosen.has(focus)}
            aria-posinset={focus + 1}
            aria-setsize={labels.length}
          >
            {textOf(focus)}
          </div>
        )}
      </div>
    </div>
  );
}

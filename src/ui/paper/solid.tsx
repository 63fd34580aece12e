/** The loss surface as a body that can be turned: by dragging, or by the arrow keys. Drawn by hand, the farthest meshes first. */
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Surface } from "../../store/paperplane.ts";
import { colourOf } from "./colour.ts";
import { type Shown, toneAt, toneOf, toneRange } from "./levels.ts";
import type { Vertex } from "./map.tsx";

interface Props {
  readonly surface: Surface;
  readonly vertices: readonly Vertex[];
  readonly shown: Shown;
}

interface View {
  /** Degrees around the upright axis, and from above. */
  readonly turn: number;
  readonly tilt: number;
}

const HEIGHT = 0.55;
const STEP = 10;

export default function Solid({ surface, vertices, shown }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [view, setView] = useState<View>({ turn: 30, tilt: 35 });
  const [size, setSize] = useState(0);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSize(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || size === 0) return;
    element.width = Math.round(size * devicePixelRatio);
    element.height = Math.round(size * 0.7 * devicePixelRatio);
    draw(context, surface, vertices, shown, view);
  });
  const move = (turn: number, tilt: number) =>
    setView((now) => ({ turn: (((now.turn + turn) % 360) + 360) % 360, tilt: Math.min(90, Math.max(5, now.tilt + tilt)) }));
  const onKeyDown = (event: KeyboardEvent) => {
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, STEP],
      ArrowDown: [0, -STEP],
    };
    const found = moves[event.key];
    if (!found) return;
    event.preventDefault();
    move(...found);
  };
  return (
    <div
      className="solid"
      role="slider"
      tabIndex={0}
      aria-label="Surface in three dimensions: turn it by the arrow keys"
      aria-valuemin={0}
      aria-valuemax={359}
      aria-valuenow={Math.round(view.turn)}
      aria-valuetext={`turned by ${Math.round(view.turn)} degrees, seen from ${Math.round(view.tilt)} degrees above`}
      onKeyDown={onKeyDown}
      onPointerDown={({ currentTarget, pointerId }) => currentTarget.setPointerCapture(pointerId)}
      onPointerMove={({ buttons, movementX, movementY }) => buttons > 0 && move(movementX * 0.5, movementY * 0.4)}
    >
      <canvas ref={canvas} />
    </div>
  );
}

function draw(context: CanvasRenderingContext2D, surface: Surface, vertices: readonly Vertex[], shown: Shown, { turn, tilt }: View): void {
  const { canvas } = context;
  const { net, plane, corners } = surface;
  const [least, most] = toneRange(surface, shown);
  const lift = (tone: number) => (HEIGHT * (tone - least)) / (most - least || 1);
  const [cos, sin] = [Math.cos((turn * Math.PI) / 180), Math.sin((turn * Math.PI) / 180)];
  const [up, along] = [Math.cos((tilt * Math.PI) / 180), Math.sin((tilt * Math.PI) / 180)];
  const span = Math.max(net.columns, net.rows) - 1;
  const scale = Math.min(canvas.width, canvas.height / 0.8) * 0.62;
  /** A place of the net, in meshes, on the canvas; and how near it is. */
  const project = (column: number, row: number, tone: number) => {
    const [x, y] = [(column - (net.columns - 1) / 2) / span, (row - (net.rows - 1) / 2) / span];
    const [side, depth] = [x * cos - y * sin, x * sin + y * cos];
    return [canvas.width / 2 + scale * side, canvas.height * 0.58 - scale * (depth * along + lift(tone) * up), -depth] as const;
  };
  context.clearRect(0, 0, canvas.width, canvas.height);
  const meshes = [];
  for (let row = 0; row + 1 < net.rows; row++) {
    for (let column = 0; column + 1 < net.columns; column++) {
      const places = [
        [column, row],
        [column + 1, row],
        [column + 1, row + 1],
        [column, row + 1],
      ] as const;
      const tones = places.map(([c, r]) => toneAt(surface, r, c, shown));
      if (!tones.every(Number.isFinite)) continue; // a hole: not measured yet, or not a number
      const mean = tones.reduce((sum, tone) => sum + tone, 0) / 4;
      const corner = places.map(([c, r], at) => project(c, r, tones[at] as number));
      meshes.push({ corner, near: corner.reduce((sum, [, , near]) => sum + near, 0), share: (mean - least) / (most - least || 1) });
    }
  }
  for (const { corner, share } of meshes.sort((a, b) => a.near - b.near)) {
    context.beginPath();
    for (const [x, y] of corner) context.lineTo(x, y);
    context.closePath();
    context.fillStyle = `rgb(${colourOf(share).join(" ")})`;
    context.fill();
    context.strokeStyle = "rgb(0 0 0 / 0.18)";
    context.stroke();
  }
  // White on black can be read on every colour of the scale, and in both themes.
  context.font = `600 ${12 * devicePixelRatio}px system-ui, sans-serif`;
  for (const [at, [x, y]] of plane.points.entries()) {
    const tone = toneOf(corners[at]?.[shown], shown);
    if (!Number.isFinite(tone)) continue;
    const [px, py] = project((x - net.left) / net.step, (y - net.low) / net.step, tone);
    context.beginPath();
    context.arc(px, py, 4 * devicePixelRatio, 0, 2 * Math.PI);
    context.lineWidth = 3 * devicePixelRatio;
    context.strokeStyle = "#000";
    context.stroke();
    context.fillStyle = "#fff";
    context.fill();
    context.strokeText(vertices[at]?.name ?? "", px + 7 * devicePixelRatio, py);
    context.fillText(vertices[at]?.name ?? "", px + 7 * devicePixelRatio, py);
    context.lineWidth = 1;
  }
}

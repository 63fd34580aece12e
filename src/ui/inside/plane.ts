/** Points of a plane on a canvas: where they lie, which one is meant, and how they are drawn. */
import { mark } from "./marks.ts";

/** From the plane to pixels; one scale for both axes, so that distances mean the same everywhere. */
export interface View {
  readonly width: number;
  readonly height: number;
  readonly at: (points: Float32Array, i: number) => readonly [x: number, y: number];
}

const MARGIN = 16;

/** Fits all of some sets of points (n, 2) into a canvas: the same for each set. */
export function viewOf(sets: readonly Float32Array[], width: number, height: number): View {
  const low = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const high = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const points of sets) {
    points.forEach((value, at) => {
      low[at % 2] = Math.min(low[at % 2] as number, value);
      high[at % 2] = Math.max(high[at % 2] as number, value);
    });
  }
  const span = [0, 1].map((axis) => Math.max(1e-12, (high[axis] as number) - (low[axis] as number))) as [number, number];
  const middle = [0, 1].map((axis) => ((high[axis] as number) + (low[axis] as number)) / 2) as [number, number];
  const scale = Math.min((width - 2 * MARGIN) / span[0], (height - 2 * MARGIN) / span[1]);
  return {
    width,
    height,
    at: (points, i) => [
      width / 2 + scale * ((points[2 * i] as number) - middle[0]),
      height / 2 - scale * ((points[2 * i + 1] as number) - middle[1]),
    ],
  };
}

/** The point nearest to a place, within `reach` pixels of it. */
export function nearestPoint(view: View, points: Float32Array, x: number, y: number, reach: number): number | null {
  let [best, least] = [null as number | null, reach];
  for (let i = 0; i < points.length / 2; i++) {
    const [px, py] = view.at(points, i);
    const away = Math.hypot(px - x, py - y);
    if (away < least) [best, least] = [i, away];
  }
  return best;
}

/** The point that an arrow key leads to: near, and rather ahead than beside. `dx`, `dy`: -1, 0 or 1 on the screen. */
export function nextPoint(view: View, points: Float32Array, from: number, dx: number, dy: number): number {
  const [x, y] = view.at(points, from);
  let [best, least] = [from, Number.POSITIVE_INFINITY];
  for (let i = 0; i < points.length / 2; i++) {
    const [px, py] = view.at(points, i);
    const ahead = (px - x) * dx + (py - y) * dy;
    const beside = Math.abs((px - x) * dy) + Math.abs((py - y) * dx);
    const cost = ahead + 2 * beside;
    if (i !== from && ahead > 0.5 && beside <= 2 * ahead && cost < least) [best, least] = [i, cost];
  }
  return best;
}

/** Points within a closed line of pixels (x, y, x, y …), by the even-odd rule. */
export function within(view: View, points: Float32Array, line: readonly number[]): number[] {
  return Array.from({ length: points.length / 2 }, (_, i) => i).filter((i) => {
    const [x, y] = view.at(points, i);
    let inside = false;
    for (let a = 0, b = line.length - 2; a < line.length; b = a, a += 2) {
      const [ax, ay, bx, by] = [line[a], line[a + 1], line[b], line[b + 1]] as [number, number, number, number];
      if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
    }
    return inside;
  });
}

export interface Scene {
  readonly view: View;
  readonly points: Float32Array;
  readonly labels: Uint32Array;
  readonly names: readonly string[];
  readonly focus: number | null;
  readonly chosen: ReadonlySet<number>;
  readonly line: readonly number[];
  /** The class marks', then text and ground. */
  readonly inks: readonly string[];
  readonly rem: number;
}

/** With more classes names would hide the points. */
const NAMED = 30;

export function drawPlane(canvas: HTMLCanvasElement, scene: Scene): void {
  const { view, points, labels, focus, chosen, line, inks, rem } = scene;
  const sharp = devicePixelRatio;
  canvas.width = Math.round(view.width * sharp);
  canvas.height = Math.round(view.height * sharp);
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.scale(sharp, sharp);
  const [text, ground] = inks.slice(-2) as [string, string];
  const radius = rem * (labels.length > 500 ? 0.16 : 0.24);
  pen.globalAlpha = 0.8;
  for (let i = 0; i < labels.length; i++) mark(pen, inks, labels[i] as number, ...view.at(points, i), radius);
  pen.globalAlpha = 1;
  pen.strokeStyle = text;
  for (const i of focus === null ? chosen : [...chosen, focus]) {
    pen.lineWidth = i === focus ? 2.5 : 1;
    pen.beginPath();
    pen.arc(...view.at(points, i), 2 * radius, 0, 2 * Math.PI);
    pen.stroke();
  }
  if (scene.names.length <= NAMED) writeNames(pen, scene, text, ground);
  if (line.length < 4) return;
  pen.lineWidth = 1;
  pen.setLineDash([4, 3]);
  pen.beginPath();
  pen.moveTo(line[0] as number, line[1] as number);
  for (let i = 2; i < line.length; i += 2) pen.lineTo(line[i] as number, line[i + 1] as number);
  pen.closePath();
  pen.stroke();
}

/** The name of each class at the middle of its points, unless another name is there. */
function writeNames(pen: CanvasRenderingContext2D, { view, points, labels, names, rem }: Scene, text: string, ground: string): void {
  pen.font = `600 ${0.75 * rem}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.lineWidth = 3;
  pen.lineJoin = "round";
  const taken: { readonly x: number; readonly y: number; readonly half: number }[] = [];
  names.forEach((name, label) => {
    const own = Array.from(labels.keys()).filter((i) => labels[i] === label);
    if (own.length === 0) return;
    const places = own.map((i) => view.at(points, i));
    const half = pen.measureText(name).width / 2;
    const clamp = (value: number, room: number, edge: number) => Math.max(edge, Math.min(room - edge, value));
    const x = clamp(median(places.map(([px]) => px)), view.width, half + 2);
    const middle = median(places.map(([, py]) => py));
    const isFree = (y: number) => taken.every((other) => Math.abs(other.y - y) > rem || Math.abs(other.x - x) > other.half + half);
    const y = [0, -1, 1, -2, 2].map((lines) => clamp(middle + lines * rem, view.height, 0.6 * rem)).find(isFree);
    if (y === undefined) return;
    taken.push({ x, y, half });
    pen.strokeStyle = ground;
    pen.strokeText(name, x, y);
    pen.fillStyle = text;
    pen.fillText(name, x, y);
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

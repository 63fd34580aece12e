/**
 * Draws what `npm run bench -- growth` measured, an SVG for each axis beside the JSON or in FOLDER, and prints where the time grows
 * faster than the arithmetic:
 *   npm run bench -- figures [JSON] [FOLDER]
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Axis, Curve, Growth, Point } from "./growth.ts";

/** Time as the arithmetic has it: `overhead` ms and flops / `rate`, which is in FLOP per ms. */
export interface Model {
  readonly rate: number;
  readonly overhead: number;
}

/** The rate is the best of the points; the overhead is what the smallest one takes beyond it, of equally small ones the fastest. */
export function modelOf(points: readonly Point[]): Model {
  const rate = Math.max(...points.map(({ flops, ms }) => flops / ms));
  const { flops, ms } = points.toSorted((a, b) => a.flops - b.flops || a.ms - b.ms)[0] as Point;
  return { rate, overhead: ms - flops / rate };
}

export const modelled = ({ rate, overhead }: Model, { flops }: Point): number => overhead + flops / rate;

/** The point that takes longest beside the model. */
export function worst(points: readonly Point[]): { readonly point: Point; readonly model: number; readonly ratio: number } {
  const model = modelOf(points);
  const all = points.map((point) => ({ point, model: modelled(model, point), ratio: point.ms / modelled(model, point) }));
  return all.reduce((most, one) => (one.ratio > most.ratio ? one : most));
}

export default function figures([file = ".cache/growth.json", folder = dirname(file)]: string[]): void {
  const growth = JSON.parse(readFileSync(file, "utf8")) as Growth;
  mkdirSync(folder, { recursive: true });
  for (const axis of growth.axes) {
    for (const { name, points } of axis.curves.filter(({ points }) => points.length > 0)) {
      const { point, model, ratio } = worst(points);
      const where = `at ${point.x} (${three(point.ms)} ms, model ${three(model)} ms)`;
      console.log(`${axis.name}, ${name}: at most ${three(ratio)} × the model, ${where}; the model is ${inWords(modelOf(points))}`);
    }
    const svg = join(folder, `growth-${axis.name}.svg`);
    writeFileSync(svg, draw(growth, axis));
    console.log(svg);
  }
}

/** Three digits, without an exponent. */
const three = (value: number): string => String(Number(value.toPrecision(3)));
const perSecond = (flops: number): string => (flops < 1e12 ? `${three(flops / 1e9)} GFLOP/s` : `${three(flops / 1e12)} TFLOP/s`);
const inWords = ({ rate, overhead }: Model): string => `arithmetic at ${perSecond(1000 * rate)} + ${three(overhead)} ms`;
const inBytes = (bytes: number): string => {
  const power = Math.min(3, Math.max(0, Math.floor(Math.log2(bytes) / 10)));
  return `${three(bytes / 1024 ** power)} ${["B", "KiB", "MiB", "GiB"][power]}`;
};

/** On a white card, which is readable on a light and on a dark page. */
const WIDTH = 760;
const [LEFT, RIGHT] = [88, WIDTH - 24];
const [INK, QUIET, RULE] = ["#1f2328", "#59636e", "#d8dee4"];
const COLOURS = ["#0067b1", "#c4500a"];
/** Of the model, and of the parts of all memory. */
const DASHES = { model: "5 4", activations: "2 3", lanes: "8 4", weights: "12 3 2 3" };
const PARTS = [
  ["activations", "activations"],
  ["lanes", "trained numbers, moments, bases"],
  ["weights", "frozen weights"],
] as const;

type Attributes = Readonly<Record<string, string | number>>;
type Spot = readonly [x: number, y: number];

const escaped = (content: string): string => content.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const node = (name: string, attributes: Attributes, content = ""): string => {
  const value = (one: string | number) => (typeof one === "number" ? Number(one.toFixed(1)) : escaped(one));
  const head = [name, ...Object.entries(attributes).map(([key, one]) => `${key}="${value(one)}"`)].join(" ");
  return content ? `<${head}>${content}</${name}>` : `<${head}/>`;
};
const text = (x: number, y: number, content: string, attributes: Attributes = {}): string =>
  node("text", { x, y, ...attributes }, escaped(content));
const CENTRE = { "text-anchor": "middle" };
const line = (spots: readonly Spot[], stroke: string, attributes: Attributes = {}): string =>
  node("polyline", { points: spots.map((spot) => spot.map((v) => v.toFixed(1)).join()).join(" "), fill: "none", stroke, ...attributes });
const segment = (x1: number, y1: number, x2: number, y2: number, stroke: string, attributes: Attributes = {}): string =>
  node("line", { x1, y1, x2, y2, stroke, ...attributes });
const THICK = { "stroke-width": 2 };
const dashed = (what: keyof typeof DASHES): Attributes => ({ "stroke-dasharray": DASHES[what] });
/** A mark that tells its numbers where a browser shows titles. */
const dot = ([cx, cy]: Spot, fill: string, told?: string): string =>
  node("circle", { cx, cy, r: 3.5, fill }, told && node("title", {}, escaped(told)));

/** Numbers as pixels, by their logarithms. Of numbers that are much alike, `least` times as much is shown around them. */
function scaleOf(values: readonly number[], from: number, to: number, least = 1) {
  const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
  const more = Math.max(0, Math.log(least) - (high - low)) / 2;
  const [first, last] = [low - more, high + more];
  const at = (value: number) => (last > first ? from + ((Math.log(value) - first) / (last - first)) * (to - from) : (from + to) / 2);
  return { at, low: Math.exp(first), high: Math.exp(last) };
}

/** 1, 2 and 5 of every decade, or the decades alone where these are many. */
function decimals(low: number, high: number): number[] {
  const all = Array.from({ length: 24 }, (_, i) => i - 12).flatMap((power) => [1, 2, 5].map((n) => Number(`${n}e${power}`)));
  const within = all.filter((n) => n >= low && n <= high);
  return within.length > 8 ? within.filter((n) => Number.isInteger(Math.log10(n))) : within;
}

/** Powers of two, so far apart that there are few. */
function binaries(low: number, high: number): number[] {
  const [first, last] = [Math.ceil(Math.log2(low)), Math.floor(Math.log2(high))];
  const apart = Math.ceil((last - first + 1) / 6);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i).flatMap((power) => (power % apart === 0 ? [2 ** power] : []));
}

interface Drawn extends Curve {
  readonly colour: string;
  readonly model: Model;
}
interface Panel {
  readonly axis: string;
  readonly curves: readonly Drawn[];
  readonly x: (value: number) => number;
  /** Pixels from the top: of its lower and its upper end. */
  readonly low: number;
  readonly high: number;
}

/** Time above, memory below. */
export function draw(growth: Growth, { name, label, curves }: Axis): string {
  const drawn = curves
    .filter(({ points }) => points.length > 0)
    .map((curve, i) => ({ ...curve, colour: COLOURS[i] as string, model: modelOf(curve.points) }));
  const missing = curves.flatMap((curve) => curve.missing.map((one) => ({ curve: curve.name, ...one })));
  const xs = [...new Set([...drawn.flatMap(({ points }) => points), ...missing].map(({ x }) => x))].sort((a, b) => a - b);
  const x = scaleOf(xs, LEFT + 16, RIGHT - 16).at;
  const top = 58 + 20 * drawn.length;
  const time: Panel = { axis: name, curves: drawn, x, low: top + 250, high: top };
  const memory: Panel = { axis: name, curves: drawn, x, low: top + 510, high: top + 340 };
  const title = `Time and memory of a training step by ${name}`;
  const caption = wrapped(
    [
      `${growth.device}, ${growth.runtime}, ${growth.date.slice(0, 10)}: forward, backward and AdamW on ${inFull(growth, name)}.`,
      "The model: the products of matrices at the best rate of the curve, and a constant that fits its smallest point.",
      ...(missing.length > 0 ? ["✕: not measured,", missing.map(({ curve, x: at, why }) => `${curve} at ${at}: ${why}`).join("; ")] : []),
    ].join(" "),
  );
  const below = memory.low + 66;
  const height = below + 17 * caption.length;
  const parts = [
    node("title", {}, escaped(`${title}, on ${growth.device}`)),
    node("rect", { x: 0.5, y: 0.5, width: WIDTH - 1, height: height - 1, rx: 8, fill: "#fff", stroke: RULE }),
    text(LEFT, 32, title, { "font-size": 17, "font-weight": 600 }),
    ...legend(drawn),
    ...(drawn.length > 0 ? [...timeOf(time), ...memoryOf(memory)] : []),
    ...missing.map((one) => text(x(one.x), time.high + 12, "✕", { ...CENTRE, fill: QUIET })),
    ...[time, memory].flatMap((panel) => frame(panel, xs, label)),
    ...caption.map((words, i) => text(LEFT, below + 17 * i, words, { fill: QUIET })),
  ];
  const font = { "font-family": "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', sans-serif", "font-size": 12, fill: INK };
  const size = { width: WIDTH, height, viewBox: `0 0 ${WIDTH} ${height}` };
  return `${node("svg", { xmlns: "http://www.w3.org/2000/svg", ...size, role: "img", ...font }, `\n${parts.join("\n")}\n`)}\n`;
}

const legend = (curves: readonly Drawn[]): string[] =>
  curves.flatMap(({ name, colour, model }, i) => {
    const [y, second] = [56 + 20 * i, 324];
    return [
      segment(LEFT, y - 4, LEFT + 28, y - 4, colour, THICK),
      dot([LEFT + 14, y - 4], colour),
      text(LEFT + 36, y, `${name}, measured`),
      segment(second, y - 4, second + 28, y - 4, colour, dashed("model")),
      text(second + 36, y, `its model: ${inWords(model)}`),
    ];
  });

function timeOf({ axis, curves, x, low, high }: Panel): string[] {
  const all = curves.flatMap(({ points, model }) => points.flatMap((point) => [point.ms, modelled(model, point)]));
  const y = scaleOf(all, low - 22, high + 24, 4);
  return [
    ...decimals(y.low, y.high).flatMap((ms) => rule(y.at(ms), three(ms))),
    text(16, (low + high) / 2, "ms per step", upright((low + high) / 2)),
    ...curves.flatMap(({ points, colour, model }, i) => {
      const place = (ms: (point: Point) => number) => points.map((point): Spot => [x(point.x), y.at(ms(point))]);
      const [spots, modelSpots] = [place(({ ms }) => ms), place((point) => modelled(model, point))];
      const other = curves[1 - i]?.points;
      const isHigher = ({ x, ms }: Point): boolean => {
        const beside = other?.find((one) => one.x === x);
        return !beside || ms > beside.ms || (ms === beside.ms && i === 0);
      };
      const halo = { stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" };
      return [
        line(modelSpots, colour, dashed("model")),
        line(spots, colour, THICK),
        ...points.flatMap((point, p) => {
          const [at, height] = spots[p] as Spot;
          const beside = `the model ${three(modelled(model, point))} ms, ${perSecond(1e12 * point.tflops)}`;
          return [
            dot([at, height], colour, `${axis} ${point.x}: ${three(point.ms)} ms, ${beside}`),
            text(at, height + (isHigher(point) ? -8 : 16), three(point.ms), { ...CENTRE, "font-size": 10, fill: colour, ...halo }),
          ];
        }),
      ];
    }),
  ];
}

const allBytes = (point: Point): number => point.weights + point.activations + point.lanes;

function memoryOf({ axis, curves, x, low, high }: Panel): string[] {
  const all = curves.flatMap(({ points }) => points.flatMap((point) => [allBytes(point), ...PARTS.map(([part]) => point[part])]));
  const y = scaleOf(all, low - 10, high + 10, 4);
  let left = LEFT;
  const key = [["all", THICK] as const, ...PARTS.map(([part, what]) => [what, dashed(part)] as const)].flatMap(([what, attributes]) => {
    const [from, at] = [left, high - 14];
    left += 76 + 6 * what.length;
    return [segment(from, at - 4, from + 34, at - 4, QUIET, attributes), text(from + 42, at, what)];
  });
  return [
    ...key,
    ...binaries(y.low, y.high).flatMap((bytes) => rule(y.at(bytes), inBytes(bytes))),
    text(16, (low + high) / 2, "GPU memory", upright((low + high) / 2)),
    ...curves.flatMap(({ points, colour }) => {
      const spots = points.map((point): Spot => [x(point.x), y.at(allBytes(point))]);
      const part = (which: (typeof PARTS)[number][0]) => points.map((point): Spot => [x(point.x), y.at(point[which])]);
      return [
        ...PARTS.map(([which]) => line(part(which), colour, dashed(which))),
        line(spots, colour, THICK),
        ...points.map((point, p) => {
          const parts = PARTS.map(([which, what]) => `${what} ${inBytes(point[which])}`).join(", ");
          return dot(spots[p] as Spot, colour, `${axis} ${point.x}: ${inBytes(allBytes(point))}: ${parts}`);
        }),
      ];
    }),
  ];
}

const upright = (y: number): Attributes => ({ ...CENTRE, transform: `rotate(-90 16 ${y})` });
const rule = (y: number, what: string): string[] => [
  segment(LEFT, y, RIGHT, y, RULE),
  text(LEFT - 8, y + 4, what, { "text-anchor": "end", fill: QUIET }),
];

/** Both axes, with what x is. */
const frame = ({ x, low, high }: Panel, xs: readonly number[], label: string): string[] => [
  segment(LEFT, high, LEFT, low, QUIET),
  segment(LEFT, low, RIGHT, low, QUIET),
  ...xs.flatMap((value) => [
    segment(x(value), low, x(value), low + 5, QUIET),
    text(x(value), low + 18, String(value), { ...CENTRE, fill: QUIET }),
  ]),
  text((LEFT + RIGHT) / 2, low + 38, label, CENTRE),
];

/** All that stays the same along an axis. */
function inFull({ base: { depth, width, tokens, batch, lanes } }: Growth, axis: string): string {
  const fixed = Object.entries({ width: `width ${width}`, tokens: `${tokens} tokens`, batch: `batch ${batch}` });
  const rest = fixed.flatMap(([name, what]) => (name === axis ? [] : [what]));
  const method = axis === "rank" || axis === "lanes" ? [] : [`LoRA r ${lanes[0]?.rank}`];
  return `${[`${depth} blocks`, ...rest, ...method].join(", ")}, all linear layers adapted`;
}

/** Lines of at most so many characters, broken at spaces. */
function wrapped(words: string, most = 96): string[] {
  return words.split(" ").reduce<string[]>((lines, word) => {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
    return lines;
  }, []);
}

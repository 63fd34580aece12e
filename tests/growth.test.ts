/** How cost grows: what is measured, how the arithmetic is laid beside it, and that the drawing holds all of it. */

import { describe, expect, test } from "vitest";
import { create, globals } from "webgpu";
import { openGpu } from "../src/gpu/device.ts";
import { draw, modelled, modelOf, worst } from "./bench/figures.ts";
import { type Axis, bytesOf, type Curve, type Growth, grow, type Point, type Setting, SIZES, type Size, sweepsOf } from "./bench/growth.ts";

const point = (x: number, ms: number, flops: number): Point => {
  return { x, ms, steps: 10, weights: 2 ** 20, activations: x * 2 ** 21, lanes: 2 ** 19, flops, tflops: flops / ms / 1e9, untuned: 0 };
};

describe("the sweeps", () => {
  const sweeps = sweepsOf(SIZES.real);
  const { base } = SIZES.real;
  const curves = new Map(sweeps.flatMap(({ name, curves }) => curves.map((curve) => [`${name}, ${curve.name}`, curve.points])));
  const xs = (name: string) => curves.get(name)?.map(({ x }) => x);

  test("go as far as they should", () => {
    expect(base).toMatchObject({ depth: 6, width: 384, tokens: 50, batch: 64 });
    const powers = (last: number) => Array.from({ length: last + 1 }, (_, i) => 2 ** i);
    expect(xs("batch, LoRA r 32")).toEqual(powers(9));
    expect(xs("rank, LoRA")).toEqual(powers(8));
    expect(xs("rank, RandLoRA")).toEqual(powers(8));
    expect(xs("tokens, LoRA r 32")).toEqual([17, 50, 65, 101, 145, 197, 257, 325, 401, 485, 577]);
    expect(xs("width, LoRA r 32")).toEqual([192, 256, 320, 384, 512, 640, 768, 896, 1024]);
    expect(xs("lanes, in one race")).toEqual([1, 2, 3, 4]);
    expect(xs("lanes, one after the other")).toEqual([1, 2, 3, 4]);
    expect(curves.size).toBe(7);
  });

  test("change one thing each, and meet in the base", () => {
    const changed: Record<string, keyof Setting> = { batch: "batch", rank: "lanes", lanes: "lanes", tokens: "tokens", width: "width" };
    for (const { name, curves } of sweeps) {
      const settings = curves.flatMap(({ points }) => points.flatMap(({ settings }) => settings));
      for (const setting of settings)
        expect({ ...setting, [changed[name] as string]: 0 }).toEqual({ ...base, [changed[name] as string]: 0 });
      expect(settings).toContainEqual(base);
      if (name === "batch" || name === "tokens" || name === "width") {
        for (const { x, settings } of curves.flatMap(({ points }) => points)) expect(settings.map((one) => one[name])).toEqual([x]);
      }
    }
    for (const { x, settings } of curves.get("rank, RandLoRA") ?? []) {
      expect(settings.map(({ lanes }) => lanes)).toEqual([[{ method: "randlora", rank: x }]]);
    }
  });

  test("race as many lanes as they run one after the other", () => {
    const [race, turns] = ["in one race", "one after the other"].map((name) =>
      curves.get(`lanes, ${name}`)?.map(({ settings }) => settings),
    );
    const methods = ["lora", "randlora", "dora", "vera"];
    for (const n of [1, 2, 3, 4]) {
      expect(race?.[n - 1]?.map(({ lanes }) => lanes.map(({ method }) => method))).toEqual([methods.slice(0, n)]);
      expect(turns?.[n - 1]?.map(({ lanes }) => lanes.map(({ method }) => method))).toEqual(methods.slice(0, n).map((method) => [method]));
    }
  });

  test("have sizes that towers can have", () => {
    for (const { tokens, widths } of Object.values(SIZES)) {
      for (const n of tokens) expect(Number.isInteger(Math.sqrt(n - 1))).toBe(true);
      for (const n of widths) expect(n % 64).toBe(0);
    }
  });
});

describe("the model", () => {
  test("finds rate and overhead of steps that are as it says", () => {
    const model = modelOf([1, 2, 4, 1e6].map((x) => point(x, 3 + x, x * 1e9)));
    expect(model.rate).toBeCloseTo(1e9, -4);
    expect(model.overhead).toBeCloseTo(3, 4);
    expect(modelled(model, point(4, 0, 4e9))).toBeCloseTo(7, 4);
  });

  test("shows what grows beyond it, and where", () => {
    const points = [point(1, 4, 1e9), point(10, 26, 10e9), point(100, 103, 100e9)];
    const { rate, overhead } = modelOf(points);
    expect(rate).toBeCloseTo(100e9 / 103, -3);
    expect(overhead).toBeCloseTo(4 - 1.03, 9);
    const { point: at, ratio } = worst(points);
    expect(at.x).toBe(10);
    expect(ratio).toBeCloseTo(26 / (10.3 + 2.97), 9);
  });

  test("takes the fastest of equally small steps", () => {
    const points = [point(1, 9, 5e9), point(2, 6, 5e9), point(4, 7, 5e9)];
    expect(modelOf(points)).toEqual({ rate: 5e9 / 6, overhead: 0 });
    expect(worst(points)).toMatchObject({ ratio: 1.5, point: { x: 1 } });
  });
});

/** Every tag with its attributes; throws where it is no well-formed XML, as far as a drawing uses it. */
function tagsOf(xml: string): { name: string; attributes: Map<string, string> }[] {
  const open: string[] = [];
  const tags: ReturnType<typeof tagsOf> = [];
  const rest = xml.trim().replace(/<(\/?)(\w+)((?: [\w-]+="[^"<]*")*)(\/?)>|([^<>]+)/g, (_, end, name, list, empty, content) => {
    if (`${content ?? ""}${list ?? ""}`.replace(/&#\d+;/g, "").includes("&")) throw new Error(`a bare & in ${content ?? list}`);
    if (content !== undefined) {
      if (open.length === 0) throw new Error(`"${content}" is in no tag`);
      return "";
    }
    if (end) {
      if (open.pop() !== name) throw new Error(`</${name}> closes another tag`);
      return "";
    }
    const pairs = [...String(list).matchAll(/ ([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value] as [string, string]);
    const attributes = new Map(pairs);
    if (attributes.size < pairs.length) throw new Error(`<${name}> has an attribute twice`);
    if (open.length === 0 && tags.length > 0) throw new Error("there are two roots");
    tags.push({ name, attributes });
    if (!empty) open.push(name);
    return "";
  });
  if (rest || open.length > 0) throw new Error(`not well-formed: ${rest.slice(0, 80)} ${open}`);
  return tags;
}

describe("a figure", () => {
  const curve = (name: string, points: readonly Point[], missing: Curve["missing"] = []): Curve => ({ name, points, missing });
  const batch: Axis = {
    name: "batch",
    label: "images in a batch",
    curves: [
      curve("LoRA r 4", [point(1, 2.345, 1e9), point(8, 6.25, 9e9), point(64, 47.5, 70e9)], [{ x: 512, why: 'no memory for "<arena>"' }]),
    ],
  };
  const rank: Axis = {
    name: "rank",
    label: "rank r",
    curves: [curve("LoRA", [point(1, 5, 1e9), point(16, 6, 2e9)]), curve("RandLoRA", [point(1, 7.5, 3e9), point(16, 7.25, 3e9)])],
  };
  const growth: Growth = {
    format: "fullrank-growth",
    version: 1,
    date: "2030-01-02T03:04:05Z",
    device: "A <B> & C",
    runtime: "Node.js 22",
    base: SIZES.small.base,
    axes: [batch, rank],
  };
  const shown = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, words]) => words as string);
  const dots = (svg: string) => [...svg.matchAll(/<circle[^>]*><title>([^<]*)<\/title>/g)].map(([, words]) => words as string);

  test.each([batch, rank])("is well-formed, with every point of the $name axis in both panels", (axis) => {
    const svg = draw(growth, axis);
    const tags = tagsOf(svg);
    const [root] = tags;
    expect(root?.name).toBe("svg");
    const [width, height] = ["width", "height"].map((side) => Number(root?.attributes.get(side))) as [number, number];
    for (const { attributes } of tags) {
      for (const [key, most] of [
        ...["x", "cx", "x1", "x2"].map((x) => [x, width] as const),
        ...["y", "cy", "y1", "y2"].map((y) => [y, height] as const),
      ]) {
        const value = Number(attributes.get(key) ?? 0);
        expect(value >= 0 && value <= most, `${key} of ${value}`).toBe(true);
      }
      expect([...attributes.values()].join()).not.toMatch(/NaN|Infinity|undefined/);
    }
    const points = axis.curves.flatMap(({ points }) => points);
    for (const { x, ms } of points) {
      expect(dots(svg).filter((told) => told.startsWith(`${axis.name} ${x}: ${Number(ms.toPrecision(3))} ms, `))).toHaveLength(1);
      expect(shown(svg)).toContain(String(Number(ms.toPrecision(3))));
    }
    expect(dots(svg)).toHaveLength(2 * points.length);
    for (const words of [axis.label, "ms per step", "GPU memory", ...axis.curves.map(({ name }) => `${name}, measured`)]) {
      expect(shown(svg).join("\n")).toContain(words);
    }
    expect(shown(svg).join(" ")).toContain("A &#60;B&#62; &#38; C, Node.js 22, 2030-01-02");
    for (const x of new Set(points.map((one) => one.x)))
      expect(shown(svg).filter((words) => words === String(x)).length).toBeGreaterThan(1);
  });

  test("has larger numbers further right and higher", () => {
    const circles = tagsOf(draw(growth, batch)).filter(({ name }) => name === "circle");
    const [, one, eight, many] = circles.map(({ attributes }) => ["cx", "cy"].map((key) => Number(attributes.get(key)))) as [
      number,
      number,
    ][];
    expect(one?.[0]).toBeLessThan(eight?.[0] as number);
    expect(eight?.[0]).toBeLessThan(many?.[0] as number);
    expect(one?.[1]).toBeGreaterThan(eight?.[1] as number);
    expect(eight?.[1]).toBeGreaterThan(many?.[1] as number);
  });

  test("says what is missing, and stands when everything is", () => {
    const svg = draw(growth, batch);
    expect(shown(svg)).toContain("✕");
    expect(shown(svg)).toContain("512");
    expect(shown(svg).join(" ")).toContain("LoRA r 4 at 512: no memory for &#34;&#60;arena&#62;&#34;");
    const nothing = draw(growth, { ...batch, curves: [curve("LoRA r 4", [], [{ x: 1, why: "lost" }])] });
    expect(tagsOf(nothing).filter(({ name }) => name === "circle")).toHaveLength(0);
    expect(nothing).not.toMatch(/NaN|Infinity/);
  });
});

test("a toy's growth is measured, and what fails is noted and ends nothing", async () => {
  const instance = create([]);
  Object.assign(globalThis, globals, { dawn: instance });
  let opened = 0;
  const open = () => {
    opened++;
    return openGpu(instance);
  };
  const lora = { method: "lora", rank: 2 };
  const base: Setting = { depth: 1, width: 64, tokens: 5, batch: 1, lanes: [lora] };
  // No image has six tokens.
  const size: Size = { base, batches: [1], ranks: [2], lanes: [lora, { method: "randlora", rank: 2 }], tokens: [6, 5], widths: [64, 128] };
  const lines: string[] = [];
  const { axes, base: told } = await grow(open, size, (line) => lines.push(line));
  expect(told).toEqual(base);
  expect(axes.map(({ name }) => name)).toEqual(["batch", "rank", "lanes", "tokens", "width"]);
  const at = (axis: string, curve: number) => axes.find(({ name }) => name === axis)?.curves[curve] as Curve;
  const [tokens, width] = [at("tokens", 0), at("width", 0)];
  expect(tokens.missing.map(({ x }) => x)).toEqual([6]);
  expect(tokens.missing[0]?.why).toMatch(/\w/);
  expect(tokens.points.map(({ x }) => x)).toEqual([5]);
  expect(opened).toBe(2);
  expect(width.points.map(({ x }) => x)).toEqual([64, 128]);
  const [narrow, wide] = width.points as [Point, Point];
  for (const one of [narrow, wide]) {
    expect(one.ms).toBeGreaterThan(0);
    expect(one.steps).toBeGreaterThanOrEqual(2);
    expect(one.tflops).toBeCloseTo(one.flops / one.ms / 1e9, 12);
    expect(Math.min(one.weights, one.activations, one.lanes)).toBeGreaterThan(0);
  }
  expect(wide.flops).toBeGreaterThan(2 * narrow.flops);
  expect(wide.weights).toBeGreaterThan(2 * narrow.weights);
  // The base was measured once.
  expect([at("batch", 0).points[0]?.ms, at("rank", 0).points[0]?.ms, tokens.points[0]?.ms]).toEqual([narrow.ms, narrow.ms, narrow.ms]);
  const [race, turns, other] = [at("lanes", 0).points[1], at("lanes", 1).points[1], at("rank", 1).points[0]] as [Point, Point, Point];
  expect(turns.ms).toBeCloseTo(narrow.ms + other.ms, 9);
  expect(turns.flops).toBe(narrow.flops + other.flops);
  expect(race.flops).toBe(turns.flops);
  expect(bytesOf(turns)).toBe(Math.max(bytesOf(narrow), bytesOf(other)));
  expect(race.lanes).toBe(narrow.lanes + other.lanes);
  expect(lines.at(-1)).toBe(
    `2 lanes: ${race.ms.toFixed(3)} ms in one race, ${turns.ms.toFixed(3)} ms one after the other, ratio ${(race.ms / turns.ms).toFixed(3)}`,
  );
});

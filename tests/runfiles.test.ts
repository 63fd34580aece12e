/** Runs as files: read back as they were, refused when they are not runs, and harmless in spreadsheets and browsers. */
import { describe, expect, test } from "vitest";
import { judge } from "../src/analysis/judge.ts";
import { DEFAULTS } from "../src/store/config.ts";
import { FORMAT, type LaneResult, type RunRecord, VERSION } from "../src/store/record.ts";
import { bytesOf } from "../src/store/runs.ts";
import { csvCell, curvesCsv, figuresCsv } from "../src/store/runscsv.ts";
import { toJson } from "../src/store/runsfile.ts";
import { describeRun, summaryOf } from "../src/store/runsmade.ts";
import { readRecord } from "../src/store/runsread.ts";
import { escapeHtml, recallsOf, reportOf } from "../src/store/runsreport.ts";
import { judgeSweep, type SweepLine } from "../src/store/sweeping.ts";
import { measuredOver } from "../src/store/verdict.ts";
import type { LaneScore } from "../src/train/run.ts";

const EVIL = `<script>alert("1 & '2'")</script>`;

const lane = (...predicted: number[]): LaneResult => ({
  msPerStep: 2.5,
  score: {
    loss: 0.5,
    accuracy: 0.5,
    correct: 2,
    answers: { predicted: Uint32Array.from(predicted), confidence: Float32Array.of(0.5, 0.25, 1, 0.75), truth: new Float32Array(4) },
  },
  layers: [
    {
      path: "p",
      block: 0,
      target: "q",
      singularValues: Float32Array.of(2, 0.5),
      effectiveRank: Number.NaN,
      stableRank: Number.NaN,
      above1Percent: 2,
    },
  ],
  fingerprint: "f".repeat(64),
});

const record: RunRecord = {
  format: FORMAT,
  version: VERSION,
  id: "8f14e45f-ceea-467f-a0e6-8c1b7b6a1f3d",
  name: EVIL,
  date: "2026-01-02T03:04:05.678Z",
  pinned: true,
  config: DEFAULTS,
  seeds: [0, 1, 2],
  sweep: { setting: "rank", value: "4" },
  address: "seeds=3",
  data: {
    name: "=cmd|' /C calc'!A0",
    classes: ["a", EVIL],
    counts: [
      { train: 1, validation: 1, test: 2 },
      { train: 1, validation: 1, test: 2 },
    ],
    digest: "d",
  },
  device: { gpu: EVIL, software: true, browser: "agent" },
  memory: { weights: 1, activations: 2 },
  lanes: [
    { parameters: 10, way: "weight", exported: { form: "peft", bytes: 400 }, memory: { trainable: 1, optimizer: 2, frozen: 3 } },
    { parameters: 12, way: "weight", exported: { form: "merged", bytes: 500 }, memory: null },
  ],
  tested: { part: "test", labels: Uint32Array.of(0, 0, 1, 1), sources: ["a/1", "a/2", "b/3", "b/4"], digests: ["1", "2", "3", "4"] },
  results: [
    {
      seed: 0,
      step: 300,
      stopped: false,
      lanes: [lane(0, 0, 1, 0), lane(0, 1, 0, 0)],
      points: [{ step: 1, raw: [1, null], smooth: [1, null] }],
      validations: [{ step: 0, images: 2, lanes: [{ loss: 1, accuracy: 0.5, correct: 1 }, null] }],
    },
    { seed: 1, step: 7, stopped: false, lanes: [lane(0, 0, 1, 1), { diverged: 7 }], points: [], validations: [] },
    { seed: 2, step: 3, stopped: true, lanes: [lane(1, 1, 0, 0), lane(1, 1, 0, 0)], points: [], validations: [] },
  ],
};

describe("a run's file", () => {
  test("is read back as it was, NaN and typed arrays too", () => {
    expect(readRecord(toJson(record))).toEqual(record);
  });

  const damaged = (change: (json: { readonly tested: object }) => void): string => {
    const json = JSON.parse(toJson(record)) as { readonly tested: object };
    change(json);
    return JSON.stringify(json);
  };
  test.each<[string, string, RegExp]>([
    ["no JSON", "PK\u0003\u0004", /not JSON/],
    ["another file", `{"format":"else"}`, /not a run/],
    ["null", "null", /not a run/],
    ["a later version", damaged((json) => Object.assign(json, { version: 9 })), /version is 9/],
    ["a label that is no number", damaged((json) => Object.assign(json.tested, { labels: ["x"] })), /tested\.labels/],
    ["a class that there is not", damaged((json) => Object.assign(json.tested, { labels: [7, 0, 1, 1] })), /belong together/],
    ["a lane too few", damaged((json) => Object.assign(json, { lanes: [] })), /belong together/],
    ["an id that is a path", damaged((json) => Object.assign(json, { id: "../../x" })), /^id/],
    ["no results", damaged((json) => Object.assign(json, { results: null })), /results/],
  ])("%s is refused, with its place", (_, text, says) => expect(() => readRecord(text)).toThrow(says));

  test("what else is in it is dropped", () => {
    expect(readRecord(damaged((json) => Object.assign(json, { extra: 1, __proto__: { x: 1 } })))).toEqual(record);
  });
});

describe("tables", () => {
  test.each([
    ["=1+1", "'=1+1"],
    ["+1", "'+1"],
    ["-1", "'-1"],
    ["@a", "'@a"],
    [" =1", "' =1"],
    ["\t=1", "'\t=1"],
    ['a "b", c', '"a ""b"", c"'],
    ["=a,b", `"'=a,b"`],
    ["a\nb", '"a\nb"'],
    [-0.5, "-0.5"],
    [Number.NaN, ""],
    [null, ""],
    ["plain", "plain"],
  ])("a cell %j becomes %j", (cell, text) => expect(csvCell(cell)).toBe(text));

  test("have a row for every seed and lane, and for every step of the curves", () => {
    const [head = "", ...rows] = figuresCsv([record]).trimEnd().split("\r\n");
    expect(rows).toHaveLength(6);
    expect(rows[0]).toContain("'=cmd");
    expect(rows[3]).toContain(",diverged,7,");
    expect(rows[4]).toContain(",stopped,3,");
    expect(head.split(",")).toContain("balanced_accuracy");
    const curves = curvesCsv([record]).trimEnd().split("\r\n");
    expect(curves.slice(1).map((row) => row.split(",").slice(-6))).toEqual([
      ["lora", "0", "", "", "1", "0.5"],
      ["lora", "1", "1", "1", "", ""],
      ["randlora", "0", "", "", "", ""],
      ["randlora", "1", "", "", "", ""],
    ]);
  });
});

describe("the report", () => {
  const measured = measuredOver(record.tested, record.results.slice(0, 2));
  const parts = {
    record,
    judgement: measured && judge(measured),
    names: ["LoRA", EVIL],
    charts: [{ title: EVIL, finding: EVIL, svg: "<svg xmlns='http://www.w3.org/2000/svg'></svg>" }],
    page: "https://page.example/",
  };

  test("escapes all text, runs no script and fetches nothing", () => {
    const page = reportOf(parts);
    expect(page).not.toMatch(/<script|<link|<img|src=|url\(|@import/i);
    expect(page.split(escapeHtml(EVIL)).length).toBeGreaterThan(6);
    expect(page).toContain("default-src 'none'");
    expect(page).toContain('<a href="https://page.example/#seeds=3">');
    expect(escapeHtml(`a&b<c>"'`)).toBe("a&amp;b&lt;c&gt;&quot;&#39;");
  });

  test("tells each class's recall over the seeds that count", () => {
    expect(recallsOf(record).map(({ images, lanes }) => [images, lanes])).toEqual([
      [2, [1, 0.5]],
      [2, [0.75, 0]],
    ]);
  });
});

test("a summary counts finished seeds, says who diverged, and knows its size", async () => {
  const { seeds, asked, lanes, images, bytes } = await summaryOf(record);
  expect({ seeds, asked, images }).toEqual({ seeds: [0, 1], asked: 3, images: 8 });
  expect(lanes.map(({ diverged, judged }) => [diverged, judged?.seeds, judged?.accuracy])).toEqual([
    [0, 2, 0.875],
    [1, 1, 0.25],
  ]);
  expect(bytes).toBe(bytesOf(record));
  expect(bytesOf({ a: new Uint8Array(100), b: "xyz" })).toBe(8 + 1 + 100 + 1 + 5);
});

describe("the best of a sweep", () => {
  const IMAGES = 40;
  const labels = new Uint32Array(IMAGES);
  /** A run whose lanes got so many images right under each of two seeds, the first ones. */
  const run = (id: string, ...right: readonly number[]): RunRecord => ({
    ...record,
    id,
    tested: { part: "test", labels, sources: Array.from(labels.keys(), String), digests: [] },
    results: [5, 4].map((seed) => ({
      ...{ seed, step: 300, stopped: false, points: [], validations: [] },
      lanes: right.map((count) => lane(...Array.from(labels.keys(), (image) => Number(image >= count)))),
    })),
  });
  const line = (method: string, lane: number, ...runs: readonly RunRecord[]): SweepLine => ({
    method,
    dots: runs.map(({ id, results }) => {
      const { answers } = (results[0]!.lanes[lane] as LaneResult).score as LaneScore;
      const accuracy = answers.predicted.filter((label) => label === 0).length / IMAGES;
      return { run: id, lane, value: id, parameters: 1, judged: { seeds: 2, accuracy, low: 0, high: 1, balanced: accuracy } };
    }),
  });
  const all = [run("2", 20, 39), run("8", 19, 38), run("32", 5, 37)];
  const lines = [line("lora", 0, ...all), line("randlora", 1, ...all)];
  const records = new Map(all.map((one) => [one.id, one]));

  test("is compared with every other point on the same images, and chance is told from more", async () => {
    expect(await judgeSweep(lines, records)).toEqual({
      ...{ method: "randlora", value: "2", others: 5, ahead: 3, part: "test", images: IMAGES, seeds: 2 },
    });
    const near = lines.slice(1);
    expect(await judgeSweep(near, records)).toMatchObject({ value: "2", others: 2, ahead: 0 });
  });

  test("stands alone beside runs of other images, or none", async () => {
    const other = { ...all[1]!, tested: { ...all[1]!.tested!, sources: Array.from(labels.keys(), (image) => `${image}.png`) } };
    expect(await judgeSweep([line("lora", 0, all[0]!, other)], new Map([all[0]!, other].map((one) => [one.id, one])))).toBeNull();
    expect(await judgeSweep([line("lora", 0, all[0]!)], records)).toBeNull();
    expect(await judgeSweep([], records)).toBeNull();
  });

  test("names of its runs begin with what tells them apart", () => {
    const name = (setting: string, value: string) => describeRun({ config: DEFAULTS, sweep: { setting, value } }, { name: "x".repeat(99) });
    expect(name("rank", "3")).toMatch(/^r 3: LoRA, RandLoRA on x+$/);
    expect(name("lr", "0.003")).toMatch(/^lr 0.003: /);
    expect(name("targets", "q.v")).toMatch(/^layers q, v: /);
    expect(describeRun({ config: DEFAULTS, sweep: null }, { name: "y" })).toBe("LoRA, RandLoRA on y");
  });
});

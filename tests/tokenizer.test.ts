import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openTokenizer } from "../src/models/tokenizer.ts";

const json = (name: string): object =>
  JSON.parse(readFileSync(new URL(`../public/models/clip-tiny/${name}`, import.meta.url), "utf8")) as object;
const tokenizer = openTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));
const START = 4094;
const END = 4095;
/** Ids of one text without the padding after its end token. */
const encodeOne = (text: string, positions = 32): number[] => {
  const { ids, ends } = tokenizer.encode([text], { positions });
  expect([...ids.subarray(ends[0]! + 1)].every((id) => id === END)).toBe(true);
  return [...ids.subarray(0, ends[0]! + 1)];
};

// Ids by transformers 5.17 for CLIP-tiny.
test.each([
  ["a photo of a goldfish.", [320, 544, 520, 320, 3190, 269]],
  ["a photo of a school bus.", [320, 544, 520, 320, 2026, 1328, 269]],
  ["a photo of a golden retriever, a type of dog.", [320, 544, 520, 320, 1457, 1747, 267, 320, 803, 520, 543, 269]],
  ["two children play on the grass.", [554, 752, 815, 526, 517, 693, 269]],
  ["a satellite photo of forest.", [320, 2539, 544, 520, 1281, 269]],
  ["a photo of a pizza", [320, 544, 520, 320, 2657]],
  ["a photo of a mountain.", [320, 544, 520, 320, 910, 269]],
  ["an image of a man riding a bicycle down the street.", [523, 891, 520, 320, 533, 790, 320, 1016, 673, 517, 777, 269]],
])("%s", (text, ids) => expect(encodeOne(text)).toEqual([START, ...ids, END]));

test("rows hold start, tokens, end and padding; `ends` points at the first end token", () => {
  const { ids, ends } = tokenizer.encode(["a photo of a pizza", "", "a photo of a mountain."], { positions: 10 });
  expect([...ids]).toEqual([
    ...[START, 320, 544, 520, 320, 2657, END, END, END, END],
    ...[START, END, END, END, END, END, END, END, END, END],
    ...[START, 320, 544, 520, 320, 910, 269, END, END, END],
  ]);
  expect([...ends]).toEqual([6, 1, 7]);
});

test("no texts give empty arrays", () => {
  const { ids, ends } = tokenizer.encode([], { positions: 32 });
  expect([ids.length, ends.length]).toEqual([0, 0]);
});

test("a text that is too long is cut and keeps its end token", () => {
  const { ids, ends } = tokenizer.encode(["dog ".repeat(50), "a photo of a pizza"], { positions: 7 });
  expect([...ids.subarray(0, 7)]).toEqual([START, 543, 543, 543, 543, 543, END]);
  // Exactly full: nothing is cut.
  expect([...ids.subarray(7)]).toEqual([START, 320, 544, 520, 320, 2657, END]);
  expect([...ends]).toEqual([6, 6]);
  expect(() => tokenizer.encode(["dog"], { positions: 1 })).toThrow("at least 2 positions");
});

test("case and runs of white space do not matter", () => {
  expect(encodeOne("A  Photo\tof a\n PIZZA")).toEqual(encodeOne("a photo of a pizza"));
});

test("text outside ASCII becomes bytes, composed and decomposed alike", () => {
  expect(encodeOne("École")).toEqual([START, 127, 102, 603, 534, END]);
  expect(encodeOne("E\u0301cole")).toEqual(encodeOne("École"));
  for (const text of ["日本", "😀", "\ud800", "العربية"]) expect(encodeOne(text).length).toBeGreaterThan(2);
});

test("a config without a usable end token is refused", () => {
  expect(() => openTokenizer(json("tokenizer.json"), { pad_token: "<|endoftext|>" })).toThrow("eos_token");
  expect(() => openTokenizer(json("tokenizer.json"), { eos_token: "<|endoftext|>", pad_token: "<none>" })).toThrow("pad_token");
});

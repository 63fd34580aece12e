/** WebDataset samples as a source: files of one name, the image and beside it its class (.cls), a record (.json) or a word (.txt). */

import { rowOf } from "../formats/labels.ts";
import { pacer } from "./pace.ts";
import { partIn, tidyName } from "./paths.ts";
import { candidatesOf, type Found, leaveOut, listing, type Reading, type SourceFile } from "./source.ts";

const SIDES = ["cls", "json", "txt"] as const;
type Side = (typeof SIDES)[number];
/** Bytes of a file that tells a class. */
const MOST_BYTES = 2 ** 20;
const MOST_WORD = 100;

/** Everything up to the first dot of the file's name, as WebDataset has it. */
const keyOf = (path: string) => path.replace(/(\/?[^/.]*)[^/]*$/, "$1");
const endingOf = (path: string) => path.slice(path.lastIndexOf(".") + 1).toLowerCase();

/** Takes images with a class beside them out of what was found. Most sets have none, and nothing is opened for them. */
export async function readSamples(found: readonly Found[], name: string): Promise<Reading> {
  const { candidates } = candidatesOf(found);
  const keys = new Set(candidates.map(({ path }) => keyOf(path)));
  for (const side of SIDES) {
    const sides = new Map<string, Found>();
    for (const file of found) if (endingOf(file.path) === side && keys.has(keyOf(file.path))) sides.set(keyOf(file.path), file);
    // A word or two of text may lie beside anything; a class beside every second image is meant.
    if (sides.size === 0 || (side !== "cls" && sides.size * 2 < keys.size)) continue;
    const classes = await classesIn(sides, side);
    if (classes.size === 0) continue;
    return take(found, candidates, classes, side, name);
  }
  return { sources: [], rest: found };
}

async function classesIn(sides: ReadonlyMap<string, Found>, side: Side): Promise<Map<string, string>> {
  const classes = new Map<string, string>();
  const pause = pacer();
  for (const [key, file] of sides) {
    await pause();
    const text = new TextDecoder().decode(await bytesOf(file).catch(() => new Uint8Array())).trim();
    const className = side === "json" ? classIn(text) : text;
    // Captions are no classes.
    if (side === "txt" && text.length > MOST_WORD) return new Map();
    if (className !== undefined && tidyName(className) !== "") classes.set(key, tidyName(className));
  }
  const captions = side === "txt" && new Set(classes.values()).size * 2 > classes.size;
  return captions ? new Map() : classes;
}

function take(
  found: readonly Found[],
  candidates: readonly Found[],
  classes: ReadonlyMap<string, string>,
  side: Side,
  name: string,
): Reading {
  const list = listing();
  const files: SourceFile[] = [];
  const taken = new Set<Found>();
  const seen = new Set<string>();
  const images = new Set(candidates);
  for (const file of found) {
    const key = keyOf(file.path);
    const className = classes.get(key);
    if (!images.has(file)) {
      if (className !== undefined && (SIDES as readonly string[]).includes(endingOf(file.path))) taken.add(file);
      continue;
    }
    if (endingOf(file.path) === "cls") {
      taken.add(file);
      continue;
    }
    taken.add(file);
    if (className === undefined)
      leaveOut(list, file.path, "no class", `no class beside it: there is no ${key.replace(/^.*\//, "")}.${side}`);
    else if (seen.has(key)) leaveOut(list, file.path, "duplicate", "the second image of one sample");
    else {
      seen.add(key);
      // Shards count from zero each: their name in front keeps their samples apart.
      const path = `${name}/${file.path}`;
      files.push({ path, className, part: partIn(path.slice(0, path.lastIndexOf("/"))), open: file.open });
    }
  }
  return { sources: [{ name, files, notes: list.notes, warnings: [] }], rest: found.filter((file) => !taken.has(file)) };
}

async function bytesOf(file: Found): Promise<Uint8Array> {
  if (file.read !== undefined) return file.read();
  const blob = await file.open();
  return blob.size > MOST_BYTES ? new Uint8Array() : new Uint8Array(await blob.arrayBuffer());
}

function classIn(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? rowOf(value, "this")?.label : undefined;
  } catch {
    return undefined;
  }
}

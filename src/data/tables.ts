/** Images whose classes stand in a table beside them: metadata.csv, labels.csv, train.tsv, metadata.jsonl … */

import { inPieces, type LabelRow, readCsv, readJsonLines } from "../formats/labels.ts";
import type { Part } from "./dataset.ts";
import { pacer } from "./pace.ts";
import { labelPaths, partIn, partOf, tidyName } from "./paths.ts";
import { candidatesOf, type Found, leaveOut, listing, type Reading, type SourceFile } from "./source.ts";

const TABLE = /\.(csv|tsv|jsonl|ndjson)$/i;
/** Bytes of a table that is read. */
const MOST_BYTES = 64 * 2 ** 20;
/** Notes about rows of one table. */
const MOST_NOTES = 1000;
/** A table that names fewer of the images is about something else. */
const LEAST_SHARE = 0.1;

interface Label {
  readonly className: string;
  readonly part: Part | undefined;
}

/** Finds an image by what a table calls it: its path, its name, or its name without the ending. */
class Index {
  readonly #byName = new Map<string, Found[]>();

  constructor(images: readonly Found[]) {
    for (const image of images) {
      const base = image.path.slice(image.path.lastIndexOf("/") + 1).toLowerCase();
      for (const key of new Set([base, base.replace(/\.[^.]*$/, "")])) {
        const same = this.#byName.get(key);
        if (same === undefined) this.#byName.set(key, [image]);
        else same.push(image);
      }
    }
  }

  /** The image whose path ends most like `name`, those below `folder` first; undefined for none, or for several alike. */
  find(name: string, folder: string): Found | undefined {
    const wanted = name.replaceAll("\\", "/").toLowerCase().split("/").reverse();
    const same = this.#byName.get(wanted[0] ?? "") ?? [];
    if (same.length < 2) return same[0];
    const scored = same.map((image) => {
      const have = image.path.toLowerCase().split("/").reverse();
      let alike = 1;
      while (alike < have.length && have[alike] === wanted[alike]) alike++;
      return { image, score: 2 * alike + (image.path.startsWith(folder) ? 1 : 0) };
    });
    const best = Math.max(...scored.map(({ score }) => score));
    const winners = scored.filter(({ score }) => score === best);
    return winners.length === 1 ? winners[0]?.image : undefined;
  }
}

/** Takes the images that tables name, with the tables, out of what was found. */
export async function readTables(found: readonly Found[], name: string): Promise<Reading> {
  const tables = found.filter(({ path }) => TABLE.test(path) && !/(^|\/)\./.test(path));
  if (tables.length === 0) return { sources: [], rest: found };
  const { candidates } = candidatesOf(found);
  const index = new Index(candidates);
  const labels = new Map<Found, Label>();
  const list = listing();
  const taken = new Set<Found>();
  const pause = pacer();
  for (const table of tables) {
    const folder = table.path.slice(0, table.path.lastIndexOf("/") + 1);
    const blob = await table.open().catch(() => undefined);
    if (blob === undefined || blob.size > MOST_BYTES) continue;
    const text = await blob.text();
    const isFile = (file: string) => index.find(file, folder) !== undefined;
    const pieces = inPieces(text);
    const own = new Map<Found, Label>();
    const strays: [string, boolean][] = [];
    for (const rows of /\.(csv|tsv)$/i.test(table.path) ? readCsv(pieces, isFile) : readJsonLines(pieces)) {
      for (const row of rows) {
        await pause();
        const image = index.find(row.file, folder);
        const className = tidyName(row.label ?? "");
        if (image === undefined || className === "") strays.push([row.file, image === undefined]);
        else if (!labels.has(image) && !own.has(image)) own.set(image, { className, part: partFor(row, image, table) });
      }
    }
    if (own.size === 0 || own.size < LEAST_SHARE * candidates.filter(({ path }) => path.startsWith(folder)).length) continue;
    // Where folders give words and the table numbers, the words are the names.
    if (areNumbers(own) && haveWords(candidates)) continue;
    taken.add(table);
    for (const [image, label] of own) labels.set(image, label);
    noteStrays(strays, table, list);
  }
  if (labels.size === 0) return { sources: [], rest: found };
  const names = Array.from(taken, ({ path }) => path).join(" or ");
  const files: SourceFile[] = [];
  for (const image of candidates) {
    const label = labels.get(image);
    taken.add(image);
    if (label !== undefined) files.push({ path: image.path, ...label, open: image.open });
    else leaveOut(list, image.path, "no class", `not named in ${names}`);
  }
  return { sources: [{ name, files, notes: list.notes, warnings: [] }], rest: found.filter((file) => !taken.has(file)) };
}

function areNumbers(labels: ReadonlyMap<Found, Label>): boolean {
  return [...labels.values()].every(({ className }) => /^-?\d+$/.test(className));
}

function haveWords(candidates: readonly Found[]): boolean {
  const { labels } = labelPaths(candidates.map(({ path }) => path));
  const names = new Set(labels.map(({ className }) => className));
  return names.size > 1 && !names.has(undefined) && [...names].some((name) => !/^\d+$/.test(name ?? ""));
}

/** What the table says, or else the folder of the image, or the name of the table. */
function partFor({ split }: LabelRow, image: Found, table: Found): Part | undefined {
  const folders = image.path.split("/").slice(0, -1).map(partOf);
  return partOf(split ?? "") ?? folders.findLast((part) => part !== undefined) ?? partIn(table.path);
}

function noteStrays(strays: readonly [string, boolean][], table: Found, list: ReturnType<typeof listing>): void {
  for (const [file, isMissing] of strays.slice(0, MOST_NOTES)) {
    const reason = isMissing ? `named in ${table.path}, but not there, or there under two paths` : `without a class in ${table.path}`;
    leaveOut(list, file, isMissing ? "missing" : "no class", reason);
  }
  const more = strays.length - MOST_NOTES;
  if (more > 0) leaveOut(list, table.path, "missing", `${more} more of its rows name files that are not there, or no class`);
}

/** Tables that name a file and its class: CSV, TSV and JSON lines. Pure. */

import Papa from "papaparse";

/** One row that names a file. */
export interface LabelRow {
  readonly file: string;
  /** Undefined where the cell is empty. */
  readonly label: string | undefined;
  /** What stands in a column "split", if there is one. */
  readonly split: string | undefined;
}

/** Names of columns without case and signs, the best first. */
const FILES = [
  "filename",
  "file",
  "imagefilename",
  "imagepath",
  "imgpath",
  "filepath",
  "path",
  "image",
  "img",
  "imagename",
  "imageid",
  "imgid",
  "name",
  "id",
];
const LABELS = [
  "labelname",
  "classname",
  "categoryname",
  "label",
  "class",
  "category",
  "species",
  "breed",
  "target",
  "labels",
  "classes",
  "tag",
  "diagnosis",
  "variety",
  "type",
  "y",
  "classid",
  "labelid",
  "categoryid",
  "finelabel",
];
const SPLITS = ["split", "set", "subset", "partition", "part", "dataset", "usage", "phase"];

const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");
const INTEGER = /^\s*-?\d+(\.0*)?\s*$/;

interface Columns {
  readonly file: number;
  readonly label: number;
  readonly split: number;
}

/** The columns that matter, by the names of all and a few rows; undefined when no column names files, or none classes. */
function columnsOf(names: readonly string[], rows: readonly (readonly string[])[]): Columns | undefined {
  const keys = names.map(plain);
  const file = FILES.map((name) => keys.indexOf(name)).find((at) => at >= 0);
  if (file === undefined) return undefined;
  const known = LABELS.map((name) => keys.indexOf(name)).filter((at) => at >= 0 && at !== file);
  const only = keys.length === 2 ? [1 - file] : [];
  const labels = known.length > 0 ? known : only;
  // Where one column holds numbers and another one words, the words are the names.
  const worded = labels.find((at) => rows.some((row) => row[at] && !INTEGER.test(row[at])));
  const label = worded ?? labels[0];
  const split = SPLITS.map((name) => keys.indexOf(name)).find((at) => at >= 0 && at !== file && at !== label) ?? -1;
  return label === undefined ? undefined : { file, label, split };
}

const row = (cells: readonly string[], { file, label, split }: Columns): LabelRow => ({
  file: cells[file]?.trim() ?? "",
  label: (cells[label] ?? "").trim() || undefined,
  split: cells[split]?.trim(),
});

/**
 * Rows of a CSV or TSV; the delimiter and a first line of names are found out. A table without names has the file first and the
 * class second.
 * @param text in pieces that end with lines
 * @returns undefined when it is no table of files and classes
 */
export function* readCsv(pieces: Iterable<string>, isFile: (name: string) => boolean): Generator<LabelRow[], undefined, undefined> {
  let columns: Columns | undefined;
  let delimiter = "";
  for (const piece of pieces) {
    const { data, meta } = Papa.parse<string[]>(piece, { skipEmptyLines: "greedy", delimiter });
    if (columns === undefined) {
      delimiter = meta.delimiter;
      const [first = [], ...others] = data;
      columns = columnsOf(first, others.slice(0, 100));
      if (columns !== undefined) data.shift();
      else if (first.length > 1 && isFile(first[0] ?? "")) columns = { file: 0, label: 1, split: -1 };
      else return;
    }
    const found = columns;
    yield data.map((cells) => row(cells, found));
  }
}

/** Rows of JSON lines. Lines that are no objects are passed over. */
export function* readJsonLines(pieces: Iterable<string>): Generator<LabelRow[], undefined, undefined> {
  for (const piece of pieces) {
    const objects = piece.split("\n").flatMap((line) => {
      try {
        const value: unknown = JSON.parse(line);
        return typeof value === "object" && value !== null && !Array.isArray(value) ? [value] : [];
      } catch {
        return [];
      }
    });
    yield objects.flatMap((object) => {
      const found = rowOf(object);
      return found === undefined ? [] : [found];
    });
  }
}

/** The row that one object is: of a line, or beside an image, where it need not name the file. */
export function rowOf(object: object, file?: string): LabelRow | undefined {
  const names = Object.keys(object);
  const cells = Object.values(object).map((value: unknown) =>
    typeof value === "string" || typeof value === "number" ? String(value) : "",
  );
  if (file !== undefined) {
    names.unshift("file_name");
    cells.unshift(file);
  }
  const columns = columnsOf(names, [cells]);
  return columns === undefined ? undefined : row(cells, columns);
}

/** Text in pieces of about `size` characters that end with a line, outside of quotes. */
export function* inPieces(text: string, size = 2 ** 16): Generator<string> {
  const clean = text.replace(/^\ufeff/, "");
  let quoted = false;
  for (let start = 0, at = 0; start < clean.length; ) {
    let end = clean.indexOf("\n", Math.max(at, start + size)) + 1;
    if (end === 0) end = clean.length;
    for (let quote = clean.indexOf('"', at); quote >= 0 && quote < end; quote = clean.indexOf('"', quote + 1)) quoted = !quoted;
    at = end;
    if (quoted && end < clean.length) continue;
    yield clean.slice(start, end);
    start = end;
  }
}

/** Image tables in parquet, as Hugging Face's `datasets` writes them: listed by their labels, read by row group. */

import { partIn, tidyName } from "./paths.ts";
import type { Answer, Order } from "./reader.ts";
import { Refusal, refusalOf } from "./refusal.ts";
import type { RowGroup, TableFacts } from "./rows.ts";
import { type Found, type Listing, leaveOut, listing, type Reading, type SourceFile } from "./source.ts";

/** Takes the parquet files out of what was found. */
export async function readParquet(found: readonly Found[], name: string): Promise<Reading> {
  const isTable = ({ path }: Found) => /\.parquet$/i.test(path) && !/(^|\/)\./.test(path);
  const list = listing();
  const files: SourceFile[] = [];
  const warnings = new Set<string>();
  for (const table of found.filter(isTable)) {
    try {
      for (const file of await readTable(table, name, list, warnings)) files.push(file);
    } catch (error) {
      const { kind, message } = refusalOf(error);
      leaveOut(list, table.path, kind, message);
    }
  }
  return { sources: [{ name, files, notes: list.notes, warnings: [...warnings] }], rest: found.filter((file) => !isTable(file)) };
}

async function readTable(table: Found, name: string, list: Listing, warnings: Set<string>): Promise<SourceFile[]> {
  const file = await table.open();
  const { label, others, names, starts, labels } = await describe(file);
  if (others.length > 0) warnings.add(`The classes are those of the column ${label}; ${others.join(" and ")} was not taken.`);
  const part = partIn(`${name}/${table.path}`);
  const latest: Latest = { file, g: -1, group: undefined };
  const files: SourceFile[] = [];
  for (let g = 0, i = 0; i < labels.length; i++) {
    while (i >= (starts[g + 1] ?? Infinity)) g++;
    const [group, row] = [g, i - (starts[g] ?? 0)];
    const className = classOf(labels[i], names);
    if (className !== "") files.push({ path: `${table.path}/${i}`, className, part, open: () => imageAt(latest, group, row) });
  }
  const unlabelled = labels.length - files.length;
  if (unlabelled > 0)
    leaveOut(list, table.path, "no class", `${unlabelled} of its ${labels.length} rows have no class in the column ${label}`);
  return files;
}

/** "" for none: tables of tests without answers hold null or −1. */
function classOf(value: unknown, names: readonly string[] | undefined): string {
  const isNumber = typeof value === "number" || typeof value === "bigint";
  if (isNumber && names !== undefined) return names[Number(value)] ?? "";
  return isNumber || typeof value === "string" || typeof value === "boolean" ? tidyName(String(value)) : "";
}

/** The row group that was read last: images are opened in order. */
interface Latest {
  readonly file: Blob;
  g: number;
  group: Promise<RowGroup> | undefined;
}

async function imageAt(latest: Latest, g: number, row: number): Promise<Blob> {
  if (latest.g !== g || latest.group === undefined) {
    latest.g = g;
    latest.group = rowGroup(latest.file, g);
  }
  const { bytes, ends } = await latest.group;
  const [start, end] = [row === 0 ? 0 : (ends[row - 1] ?? 0), ends[row] ?? 0];
  if (end > start) return bytes.slice(start, end);
  throw new Refusal("missing", "its row holds only the path of an image, not the image");
}

async function describe(file: Blob): Promise<TableFacts> {
  if (typeof Worker === "undefined") return (await import("./rows.ts")).describeTable(file);
  const answer = await ask({ file });
  if ("table" in answer) return answer.table;
  throw new Error("The reader of tables gave another answer.");
}

async function rowGroup(file: Blob, group: number): Promise<RowGroup> {
  if (typeof Worker === "undefined") return (await import("./rows.ts")).readRowGroup(file, group);
  const answer = await ask({ file, group });
  if ("rows" in answer) return answer.rows;
  throw new Error("The reader of tables gave another answer.");
}

/** A worker for one order: what it had in memory goes with it. @throws Refusal */
async function ask(order: Order): Promise<Answer> {
  const worker = new Worker(new URL("./reader.ts", import.meta.url), { type: "module" });
  try {
    const answer = await new Promise<Answer>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Refusal("unreadable", "the reader stopped: there may be too little memory for its row groups"));
      };
      worker.postMessage(order);
    });
    if ("reason" in answer) throw new Refusal(answer.kind, answer.reason);
    return answer;
  } finally {
    worker.terminate();
  }
}

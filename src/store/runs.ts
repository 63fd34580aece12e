/** Runs that stay when the page is left, in the browser's database: listed by their summaries, opened one at a time. */
import type { DBSchema } from "idb";
import { create } from "zustand";
import type { LaneJudgement } from "../analysis/judge.ts";
import { databaseOf } from "../data/database.ts";
import type { LaneConfig } from "../train/run.ts";
import type { RunRecord, SweepPoint } from "./record.ts";

/** What a list needs to know of a run. */
export interface RunSummary {
  readonly id: string;
  readonly name: string;
  readonly date: string;
  readonly pinned: boolean;
  /** See `keyOf`: runs with the same one differ in nothing but their seeds. */
  readonly key: string;
  readonly data: string;
  readonly classes: number;
  readonly images: number;
  readonly model: string;
  readonly batch: number;
  readonly steps: number;
  /** Seeds that are there, and how many were asked for. */
  readonly seeds: readonly number[];
  readonly asked: number;
  readonly sweep: SweepPoint | null;
  readonly part: "test" | "validation";
  readonly lanes: readonly LaneSummary[];
  /** About as many as it takes here. */
  readonly bytes: number;
}

export interface LaneSummary {
  readonly config: LaneConfig;
  readonly parameters: number;
  readonly msPerStep: number | null;
  /** Null where every seed diverged. */
  readonly judged: LaneJudgement | null;
  /** Under how many seeds it did. */
  readonly diverged: number;
}

interface Shelf extends DBSchema {
  records: { key: string; value: RunRecord };
  summaries: { key: string; value: RunSummary };
}

interface Runs {
  /** Newest first; null until the list was read. */
  readonly list: readonly RunSummary[] | null;
  /** Why runs are not kept, for people. */
  readonly problem: string | null;
  /** Taken off the list and not yet gone for good. */
  readonly removed: readonly Kept[];
}

export interface Kept {
  readonly record: RunRecord;
  readonly summary: RunSummary;
}

export const useRuns = create<Runs>()(() => ({ list: null, problem: null, removed: [] }));

/** Beyond it the oldest runs that are not pinned make room. */
export const MOST_BYTES = 256 * 2 ** 20;

const shelf = databaseOf<Shelf>("fullrank-runs", (database) => {
  database.createObjectStore("records");
  database.createObjectStore("summaries");
});

/** Newest first. */
export async function listRuns(): Promise<readonly RunSummary[]> {
  const list = await (await shelf()).getAll("summaries");
  return list.sort((a, b) => b.date.localeCompare(a.date));
}

/** Reads the list for the page; where the database does not open, says so. */
export async function refreshRuns(): Promise<void> {
  await attempt(async () => undefined);
}

/** Bytes that all kept runs take, about. */
async function sizeOfRuns(): Promise<number> {
  return (await listRuns()).reduce((sum, { bytes }) => sum + bytes, 0);
}

export async function openRun(id: string): Promise<RunRecord | undefined> {
  return (await shelf()).get("records", id);
}

/** Writes a run, in place of what it was before. Old ones that are not pinned make room. */
export async function keepRun(kept: Kept): Promise<void> {
  await attempt(async () => {
    await write([kept]);
    let size = await sizeOfRuns();
    for (const { id, bytes, pinned } of (await listRuns()).toReversed()) {
      if (size <= MOST_BYTES) break;
      if (pinned || id === kept.summary.id) continue;
      await drop(id);
      size -= bytes;
    }
  });
}

async function write(all: readonly Kept[]): Promise<void> {
  const transaction = (await shelf()).transaction(["records", "summaries"], "readwrite");
  const puts = all.flatMap(({ record, summary }) => [
    transaction.objectStore("records").put(record, summary.id),
    transaction.objectStore("summaries").put(summary, summary.id),
  ]);
  await Promise.all([...puts, transaction.done]);
}

async function drop(id: string): Promise<void> {
  const transaction = (await shelf()).transaction(["records", "summaries"], "readwrite");
  await Promise.all([transaction.objectStore("records").delete(id), transaction.objectStore("summaries").delete(id), transaction.done]);
}

async function read(id: string): Promise<Kept | undefined> {
  const database = await shelf();
  const [record, summary] = await Promise.all([database.get("records", id), database.get("summaries", id)]);
  return record && summary && { record, summary };
}

/** Takes a run off the list; `restoreRuns` brings back what was removed last. */
export async function removeRun(id: string): Promise<void> {
  await attempt(async () => {
    const kept = await read(id);
    await drop(id);
    useRuns.setState({ removed: kept ? [kept] : [] });
  });
}

export async function removeAllRuns(): Promise<void> {
  await attempt(async () => {
    const all = await Promise.all((await listRuns()).map(({ id }) => read(id)));
    const database = await shelf();
    await Promise.all([database.clear("records"), database.clear("summaries")]);
    useRuns.setState({ removed: all.filter((kept) => kept !== undefined) });
  });
}

export async function restoreRuns(): Promise<void> {
  await attempt(async () => {
    await write(useRuns.getState().removed);
    useRuns.setState({ removed: [] });
  });
}

/** Its name, or whether it is drawn over later races. */
export async function changeRun(id: string, change: { readonly name?: string; readonly pinned?: boolean }): Promise<void> {
  await attempt(async () => {
    const kept = await read(id);
    if (kept) await write([{ record: { ...kept.record, ...change }, summary: { ...kept.summary, ...change } }]);
  });
}

/** Whatever fails here costs the keeping of a run and never the run. */
async function attempt(change: () => Promise<void>): Promise<void> {
  try {
    await change();
    useRuns.setState({ list: await listRuns(), problem: null });
  } catch (error) {
    const full = error instanceof DOMException && error.name === "QuotaExceededError";
    const why = full ? "its storage is full: delete runs, datasets or models" : String(error);
    useRuns.setState(({ list }) => ({
      list: list ?? [],
      problem: `This browser keeps no runs for this page (${why}). The run on the page and its exports are not touched.`,
    }));
  }
}

/** About what a value takes in the database. */
export function bytesOf(value: unknown): number {
  if (typeof value === "string") return 2 + value.length;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== "object" || value === null) return 8;
  return Object.entries(value).reduce((sum, [name, part]) => sum + (Array.isArray(value) ? 0 : name.length) + bytesOf(part), 8);
}

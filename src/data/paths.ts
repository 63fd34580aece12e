/** What a path alone tells: which files are no candidates, and which class and part the others belong to. Pure. */

import type { Note, Part } from "./dataset.ts";

const SYSTEM_FILES = new Set([".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"]);
const SYSTEM_FOLDERS = new Set(["__macosx", "$recycle.bin", "system volume information", "@eadir"]);
export const ARCHIVE = /\.(zip|tm|tar|tgz|tar\.gz)$/i;
const ARCHIVES = /\.(zip|tar|tgz|gz|bz2|xz|zst|7z|rar|jar|tm)$/i;
const TEXTS = /(^|\/)(licen[cs]e|readme|notice|copying)$|\.(txt|md|rst|csv|tsv|json|jsonl|ndjson|xml|ya?ml|html?)$/i;
const PARTS: Readonly<Record<string, Part>> = {
  train: "train",
  training: "train",
  val: "validation",
  valid: "validation",
  validation: "validation",
  dev: "validation",
  eval: "validation",
  test: "test",
  testing: "test",
  t10k: "test",
};

/** Whether a folder of this name is the operating system's or hidden, so that nothing in it is meant as data. */
export function isSystemFolder(name: string): boolean {
  return name.startsWith(".") || SYSTEM_FOLDERS.has(name.toLowerCase());
}

/**
 * The note for a path that need not be opened (system files, nested archives, texts), or undefined for a candidate.
 * The source of a note about a system folder is the folder, so that all files in it share one note.
 */
export function judgePath(path: string): Note | undefined {
  return judgeFolder(folderOf(path)) ?? judgeName(path);
}

/** The same for many paths, which lie in few folders. */
export function pathJudge(): typeof judgePath {
  const folders = new Map<string, Note | undefined>();
  return (path) => {
    const folder = folderOf(path);
    if (!folders.has(folder)) folders.set(folder, judgeFolder(folder));
    return folders.get(folder) ?? judgeName(path);
  };
}

function judgeFolder(folder: string): Note | undefined {
  const parts = folder.split("/");
  const system = folder === "" ? -1 : parts.findIndex(isSystemFolder);
  if (system < 0) return undefined;
  const source = `${parts.slice(0, system + 1).join("/")}/`;
  return { source, kind: "system file", reason: "a system or hidden folder", outcome: "left out" };
}

function judgeName(path: string): Note | undefined {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const note = (kind: Note["kind"], reason: string): Note => ({ source: path, kind, reason, outcome: "left out" });
  if (name.startsWith(".") || SYSTEM_FILES.has(name.toLowerCase())) return note("system file", "a system or hidden file");
  if (ARCHIVES.test(name)) return note("archive", archiveReason(name));
  if (TEXTS.test(name)) return note("not an image", "a text file");
  return undefined;
}

function archiveReason(name: string): string {
  if (/\.(7z|rar|jar|xz|bz2|zst)$/i.test(name)) return "an archive that browsers cannot unpack: unpack it and drop the folder";
  return "an archive inside a folder or another archive is not opened: drop it by itself, or unpack it";
}

/** Whether a path in an archive would land outside the folder it is unpacked in. */
export function leadsOut(path: string): boolean {
  return /^(\/|[a-z]:)/i.test(path) || path.split("/").includes("..");
}

/** A class name as it is kept: trimmed, and composed (macOS stores "é" as two characters). */
export function tidyName(name: string): string {
  return name.normalize("NFC").trim();
}

/** The part that a folder or a value of a table is named after; undefined when it is none's name. */
export function partOf(name: string): Part | undefined {
  const key = name.trim().toLowerCase();
  return Object.hasOwn(PARTS, key) ? PARTS[key] : undefined;
}

/** The part that a path tells by a word in it ("data/train-00000-of-00002.parquet", "cc-val-01.tar"), the last one first. */
export function partIn(path: string): Part | undefined {
  const words = path.split(/[^A-Za-z0-9]+|(?<=[a-z])(?=[A-Z])/).reverse();
  return words.map(partOf).find((part) => part !== undefined);
}

export interface Labelled {
  /** Without the root folder that all share. */
  readonly path: string;
  /** Undefined where the path names no class. */
  readonly className: string | undefined;
  /** Undefined where no folder is named train, val, test … */
  readonly part: Part | undefined;
}

/**
 * The class of every candidate path: the name of the folder that holds the file.
 *
 * A root folder that all share is dropped; files directly in it, beside class folders, have no class. Folders named
 * train, val, test … that hold class folders, or that lie in class folders, tell the part; files lying directly in
 * the former have no class. Names that differ by letter case only are one class. Where no path has a folder, the
 * class is `fallback`.
 * @returns labels in the order of `paths`, and warnings about what was put together.
 */
export function labelPaths(paths: readonly string[], fallback?: string): { labels: Labelled[]; warnings: string[] } {
  // All that is said here depends on the folder alone, and 100,000 files lie in few folders.
  const folders = new Map<string, readonly string[]>();
  for (const path of paths) {
    const folder = folderOf(path);
    if (!folders.has(folder)) folders.set(folder, folder === "" ? [] : folder.split("/"));
  }
  const all = [...folders.values()];
  const root = rootDepth(all);
  const shared = (all[0] ?? [])
    .slice(0, root)
    .map(partOf)
    .find((part) => part !== undefined);
  const rests = all.map((names) => names.slice(root));
  const outer = rests.some((rest) => rest.length > 1 && partOf(rest[0] ?? "") !== undefined);
  // "cat/train/1.jpg": every file lies in a folder named after a part, which lies in its class.
  const inner = !outer && rests.length > 0 && rests.every((rest) => rest.length > 1 && partOf(rest.at(-1) ?? "") !== undefined);
  const flat = rests.every((rest) => rest.length === 0);
  const spellings = new Map<string, Set<string>>();
  const homes = new Map<string, Set<string>>();

  const labelFolder = (rest: readonly string[]): Omit<Labelled, "path"> => {
    const first = outer ? partOf(rest[0] ?? "") : undefined;
    const part = (inner ? partOf(rest.at(-1) ?? "") : first) ?? shared;
    const loose = rest.length === 0 || (rest.length === 1 && first !== undefined);
    const found = loose ? (flat ? fallback : undefined) : rest.at(inner ? -2 : -1);
    const name = found === undefined ? "" : tidyName(found);
    if (name === "") return { className: undefined, part };
    const key = name.toLowerCase();
    const spelling = entry(spellings, key).add(name);
    const home = rest.slice(first === undefined ? 0 : 1, inner ? -1 : undefined).join("/");
    entry(homes, key).add(home.toLowerCase());
    return { className: [...spelling][0], part };
  };
  const byFolder = new Map(Array.from(folders, ([folder, names]) => [folder, labelFolder(names.slice(root))]));
  const start = (all[0] ?? []).slice(0, root).reduce((length, name) => length + name.length + 1, 0);
  const labels = paths.map((path) => {
    const { className, part } = byFolder.get(folderOf(path)) ?? { className: undefined, part: undefined };
    return { path: path.slice(start), className, part };
  });

  const warnings: string[] = [];
  for (const [key, names] of spellings) {
    const first = [...names][0] ?? key;
    if (names.size > 1) warnings.push(`${[...names].join(" and ")} were taken as one class, ${first}.`);
    const places = homes.get(key)?.size ?? 1;
    if (places > 1) warnings.push(`${places} folders named ${first} were taken as one class.`);
  }
  const classes = [...spellings.keys()];
  if (!outer && classes.length > 1 && classes.every((name) => partOf(name) !== undefined)) {
    warnings.push(`The classes are named ${classes.join(", ")}: that looks like a split without class folders.`);
  }
  return { labels, warnings };
}

/** How many leading folders all files share, as long as class folders remain below them. */
function rootDepth(folders: readonly (readonly string[])[]): number {
  const first = folders[0] ?? [];
  let depth = 0;
  while (
    folders.some((names) => names.length > depth + 1) &&
    folders.every((names) => names.length > depth && names[depth] === first[depth])
  ) {
    depth++;
  }
  return depth;
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function entry(map: Map<string, Set<string>>, key: string): Set<string> {
  const set = map.get(key) ?? new Set<string>();
  map.set(key, set);
  return set;
}

/** What a path alone tells: which files are no candidates, and which class the others belong to. Pure. */

import type { Note } from "./dataset.ts";

const SYSTEM_FILES = new Set([".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"]);
const SYSTEM_FOLDERS = new Set(["__macosx", "$recycle.bin", "system volume information", "@eadir"]);
const ARCHIVES = /\.(zip|tar|tgz|gz|bz2|xz|zst|7z|rar|jar|tm)$/i;
const TEXTS = /(^|\/)(licen[cs]e|readme|notice|copying)$|\.(txt|md|rst|csv|tsv|json|jsonl|xml|ya?ml|html?)$/i;
const SPLITS = new Set(["train", "training", "val", "valid", "validation", "test", "testing", "eval", "dev"]);

/** Whether a folder of this name is the operating system's or hidden, so that nothing in it is meant as data. */
export function isSystemFolder(name: string): boolean {
  return name.startsWith(".") || SYSTEM_FOLDERS.has(name.toLowerCase());
}

/**
 * The note for a path that need not be opened (system files, nested archives, texts), or undefined for a candidate.
 * The source of a note about a system folder is the folder, so that all files in it share one note.
 */
export function judgePath(path: string): Note | undefined {
  const parts = path.split("/");
  const name = parts.pop() ?? "";
  const system = parts.findIndex(isSystemFolder);
  if (system >= 0) {
    const source = `${parts.slice(0, system + 1).join("/")}/`;
    return { source, kind: "system file", reason: "a system or hidden folder", outcome: "left out" };
  }
  const note = (kind: Note["kind"], reason: string): Note => ({ source: path, kind, reason, outcome: "left out" });
  if (name.startsWith(".") || SYSTEM_FILES.has(name.toLowerCase())) return note("system file", "a system or hidden file");
  if (ARCHIVES.test(name)) return note("archive", "an archive is not opened here: unpack it, or drop one zip by itself");
  if (TEXTS.test(name)) return note("not an image", "a text file");
  return undefined;
}

/** A class name as it is kept: trimmed, and composed (macOS stores "é" as two characters). */
export function tidyName(name: string): string {
  return name.normalize("NFC").trim();
}

export interface Labelled {
  /** Without the root folder that all share. */
  readonly path: string;
  /** Undefined where the path names no class. */
  readonly className: string | undefined;
}

/**
 * The class of every candidate path: the name of the folder that holds the file.
 *
 * A root folder that all share is dropped; files directly in it, beside class folders, have no class. Top folders
 * named train, val, test … that hold class folders are merged, and files lying directly in them have no class.
 * Names that differ by letter case only are one class. Where no path has a folder, the class is `fallback`.
 * @returns labels in the order of `paths`, and warnings about what was merged.
 */
export function labelPaths(paths: readonly string[], fallback?: string): { labels: Labelled[]; warnings: string[] } {
  const parts = paths.map((path) => path.split("/"));
  const root = rootDepth(parts);
  const rests = parts.map((part) => part.slice(root));
  const isSplit = (part: readonly string[]) => SPLITS.has(part[0]?.toLowerCase() ?? "");
  const merged = new Set(rests.filter((rest) => rest.length > 2 && isSplit(rest)).map((rest) => rest[0] ?? ""));
  const flat = rests.every((rest) => rest.length === 1);
  const spellings = new Map<string, Set<string>>();
  const homes = new Map<string, Set<string>>();

  const labels = rests.map((rest): Labelled => {
    const path = rest.join("/");
    const loose = rest.length === 1 || (rest.length === 2 && merged.size > 0 && isSplit(rest));
    const found = loose ? (flat ? fallback : undefined) : rest.at(-2);
    const name = found === undefined ? "" : tidyName(found);
    if (name === "") return { path, className: undefined };
    const key = name.toLowerCase();
    const spelling = entry(spellings, key).add(name);
    const home = rest.slice(merged.size > 0 && isSplit(rest) ? 1 : 0, -1).join("/");
    entry(homes, key).add(home.toLowerCase());
    return { path, className: [...spelling][0] };
  });

  const warnings: string[] = [];
  if (merged.size > 0) {
    const list = [...merged].join(", ");
    warnings.push(`The folders ${list} were put together: the split into training and validation is made here.`);
  }
  for (const [key, names] of spellings) {
    const first = [...names][0] ?? key;
    if (names.size > 1) warnings.push(`${[...names].join(" and ")} were taken as one class, ${first}.`);
    const places = homes.get(key)?.size ?? 1;
    if (places > 1) warnings.push(`${places} folders named ${first} were taken as one class.`);
  }
  const classes = [...spellings.keys()];
  if (merged.size === 0 && classes.length > 1 && classes.every((name) => SPLITS.has(name))) {
    warnings.push(`The classes are named ${classes.join(", ")}: that looks like a split without class folders.`);
  }
  return { labels, warnings };
}

/** How many leading folders all paths share, as long as class folders remain below them. */
function rootDepth(parts: readonly (readonly string[])[]): number {
  const first = parts[0] ?? [];
  let depth = 0;
  while (parts.some((part) => part.length > depth + 2) && parts.every((part) => part.length > depth + 1 && part[depth] === first[depth])) {
    depth++;
  }
  return depth;
}

function entry(map: Map<string, Set<string>>, key: string): Set<string> {
  const set = map.get(key) ?? new Set<string>();
  map.set(key, set);
  return set;
}

/** What the user gave, listed but not yet read: the images to try, each with its class, and notes on the rest. */

import type { Note, NoteKind, Part } from "./dataset.ts";
import { labelPaths, pathJudge, tidyName } from "./paths.ts";

/** One candidate. `open` reads it when its turn comes, so that a list of 100,000 costs little memory. */
export interface SourceFile {
  readonly path: string;
  readonly className: string;
  /** What the data say it is meant for; undefined where they say nothing. */
  readonly part?: Part | undefined;
  /** @throws Refusal, or what the browser throws when the file cannot be read. */
  readonly open: () => Promise<Blob>;
}

export interface Source {
  readonly name: string;
  readonly files: readonly SourceFile[];
  /** Files left out already by their path alone. */
  readonly notes: readonly Note[];
  readonly warnings: readonly string[];
}

/** A file found under a path ("pets/cat/1.jpg"), before anything is known about its class. */
export interface Found {
  readonly path: string;
  readonly open: () => Promise<Blob>;
  /** The same bytes, read together with the neighbours', where the file lies in an archive. */
  readonly read?: () => Promise<Uint8Array>;
}

/** What an archive holds, and what is to be said about it. */
export interface Listing {
  readonly found: Found[];
  readonly notes: Note[];
  readonly warnings: string[];
}

export function listing(): Listing {
  return { found: [], notes: [], warnings: [] };
}

export function leaveOut({ notes }: { readonly notes: Note[] }, source: string, kind: NoteKind, reason: string): void {
  notes.push({ source, kind, reason, outcome: "left out" });
}

/** Where classes come from: every file to one class, or each to its folder (and `fallback` where there is none). */
export interface Labelling {
  readonly className?: string | undefined;
  readonly fallback?: string | undefined;
}

/** Sorts what was found into candidates with classes and notes. Pure; opens nothing. */
export function arrange(name: string, found: readonly Found[], labelling: Labelling = {}): Source {
  const { candidates, notes } = candidatesOf(found);
  const { labels, warnings } = labelPaths(
    candidates.map((file) => file.path),
    labelling.fallback,
  );
  const files: SourceFile[] = [];
  candidates.forEach(({ path: whole, open }, i) => {
    const { path, className, part } = labels[i] ?? { path: whole, className: undefined, part: undefined };
    if (labelling.className !== undefined) {
      files.push({ path, className: "", open });
    } else if (className === undefined) {
      const reason = "in no class folder: put it in a folder named after its class, or drop it onto a class";
      notes.push({ source: whole, kind: "no class", reason, outcome: "left out" });
    } else {
      files.push({ path, className, part, open });
    }
  });
  const source = { name, files, notes, warnings };
  return labelling.className === undefined ? source : { ...intoClass(source, labelling.className), warnings: [] };
}

/** The files that may be images, and notes on the others; one for all files of a system folder. */
export function candidatesOf(found: readonly Found[]): { candidates: Found[]; notes: Note[] } {
  const notes = new Map<string, Note>();
  const candidates: Found[] = [];
  const judge = pathJudge();
  for (const file of found) {
    const note = judge(file.path);
    if (note === undefined) candidates.push(file);
    else notes.set(note.source, note);
  }
  return { candidates, notes: [...notes.values()] };
}

/** A source with every image in one class, whatever was said about it. */
export function intoClass(source: Source, name: string): Source {
  const className = tidyName(name);
  // The class in front keeps "1.jpg" of two classes apart, in the report and in the split.
  return { ...source, files: source.files.map(({ path, open }) => ({ path: `${className}/${path}`, className, open })) };
}

/** Several sources as one, in order; named after the first. */
export function joinSources(sources: readonly Source[]): Source {
  return {
    name: sources[0]?.name ?? "images",
    files: sources.flatMap((source) => source.files),
    notes: sources.flatMap((source) => source.notes),
    warnings: [...new Set(sources.flatMap((source) => source.warnings))],
  };
}

/** What one kind of data set took out of what was found, and what it left for the others. */
export interface Reading {
  readonly sources: readonly Source[];
  readonly rest: readonly Found[];
}

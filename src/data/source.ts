/** What the user gave, listed but not yet read: the images to try, each with its class, and notes on the rest. */

import type { Note, Part } from "./dataset.ts";
import { judgePath, labelPaths, tidyName } from "./paths.ts";

/** One candidate. `open` reads it when its turn comes, so that a list of 20,000 costs no memory. */
export interface SourceFile {
  readonly path: string;
  readonly className: string;
  /** The part that the data put it in, where they did. */
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
}

/** Where classes come from: every file to one class, or each to its folder (and `fallback` where there is none). */
export interface Labelling {
  readonly className?: string | undefined;
  readonly fallback?: string | undefined;
}

/** Sorts what was found into candidates with classes and notes. Pure; opens nothing. */
export function arrange(name: string, found: readonly Found[], labelling: Labelling = {}): Source {
  const notes = new Map<string, Note>();
  const candidates: Found[] = [];
  for (const file of found) {
    const note = judgePath(file.path);
    if (note === undefined) candidates.push(file);
    else notes.set(note.source, note);
  }
  const { labels, warnings } = labelPaths(
    candidates.map((file) => file.path),
    labelling.fallback,
  );
  const files: SourceFile[] = [];
  candidates.forEach((file, i) => {
    const path = labels[i]?.path ?? file.path;
    const className = labelling.className === undefined ? labels[i]?.className : tidyName(labelling.className);
    if (className === undefined) {
      const reason = "in no class folder: put it in a folder named after its class, or drop it onto a class";
      notes.set(file.path, { source: file.path, kind: "no class", reason, outcome: "left out" });
    } else if (labelling.className === undefined) {
      files.push({ path, className, open: file.open });
    } else {
      // The class in front keeps "1.jpg" of two classes apart, in the report and in the split.
      files.push({ path: `${className}/${path}`, className, open: file.open });
    }
  });
  return { name, files, notes: [...notes.values()], warnings: labelling.className === undefined ? warnings : [] };
}

/** Several sources as one, in order; named after the first. */
export function joinSources(sources: readonly Source[]): Source {
  return {
    name: sources[0]?.name ?? "images",
    files: sources.flatMap((source) => source.files),
    notes: sources.flatMap((source) => source.notes),
    warnings: sources.flatMap((source) => source.warnings),
  };
}

/** The import report in words. */

import type { ImportReport, Note, NoteKind } from "./dataset.ts";

const WORDS: Record<NoteKind, readonly [one: string, many: string]> = {
  "system file": ["system file or folder", "system files or folders"],
  archive: ["archive", "archives"],
  "not an image": ["file that is not an image", "files that are not images"],
  damaged: ["damaged file", "damaged files"],
  tiny: ["tiny image", "tiny images"],
  huge: ["huge file", "huge files"],
  duplicate: ["duplicate", "duplicates"],
  "there already": ["image that is there already", "images that are there already"],
  "same picture in two classes": ["picture in two classes", "pictures in two classes"],
  "no class": ["file without a class", "files without a class"],
  missing: ["file that is not there", "files that are not there"],
  encrypted: ["file under a password", "files under a password"],
  "unsafe path": ["file with an unsafe path", "files with an unsafe path"],
  unreadable: ["unreadable file", "unreadable files"],
};

/** "597 images taken. 144 are there already. 4 left out: 3 duplicates, 1 damaged file. 1 taken with a remark: 1 tiny image." */
export function summarise(report: ImportReport): string {
  const all = groupNotes(report);
  const known = all.find(({ kind }) => kind === "there already")?.notes.length ?? 0;
  if (known > 0 && known === report.found) return known === 1 ? "This image is there already." : `${known} images are there already.`;
  const part = (outcome: Note["outcome"], words: string) => {
    const groups = all.filter((group) => group.outcome === outcome && group.kind !== "there already");
    const total = groups.reduce((sum, group) => sum + group.notes.length, 0);
    return total === 0 ? "" : ` ${total} ${words}: ${groups.map((group) => group.title).join(", ")}.`;
  };
  const taken = `${report.taken} ${report.taken === 1 ? "image" : "images"} taken.`;
  const there = known === 0 ? "" : ` ${known} ${known === 1 ? "is" : "are"} there already.`;
  return taken + there + part("left out", "left out") + part("taken", "taken with a remark");
}

export interface NoteGroup {
  readonly kind: NoteKind;
  readonly outcome: Note["outcome"];
  /** "3 duplicates" */
  readonly title: string;
  readonly notes: readonly Note[];
}

/** Notes by kind and outcome, the largest group first. */
export function groupNotes(report: ImportReport): NoteGroup[] {
  const groups = new Map<string, Note[]>();
  for (const note of report.notes) {
    const key = `${note.outcome} ${note.kind}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [note]);
    else group.push(note);
  }
  return [...groups.values()]
    .flatMap((notes) => {
      const [first] = notes;
      if (first === undefined) return [];
      const [one, many] = WORDS[first.kind];
      const title = `${notes.length} ${notes.length === 1 ? one : many}`;
      return [{ kind: first.kind, outcome: first.outcome, title, notes }];
    })
    .sort((a, b) => b.notes.length - a.notes.length);
}

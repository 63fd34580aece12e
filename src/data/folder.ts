/** Folders and files as a source: from a file input, or from a drop. */

import type { Note } from "./dataset.ts";
import { ARCHIVE, isSystemFolder, judgePath, partOf } from "./paths.ts";
import { type Found, joinSources, type Source } from "./source.ts";

/**
 * Files of an `<input type="file">`, with or without `webkitdirectory`, or files dropped onto a class.
 * An archive among them (at the top, not inside a folder) is opened.
 * @param className puts every image into this class, whatever its folder
 */
export function fromFiles(files: Iterable<File>, className?: string): Promise<Source> {
  const found = Array.from(
    files,
    (file): Found => ({
      path: file.webkitRelativePath || file.name,
      open: async () => file,
    }),
  );
  return fromFound(found, className);
}

/**
 * What was dropped: folders, files, archives, any mixture.
 * Call it inside the drop event, before anything is awaited: browsers empty the list afterwards.
 * @param className puts every image into this class, whatever its folder
 */
export function fromDrop(items: Iterable<DataTransferItem>, className?: string): Promise<Source> {
  const entries = Array.from(items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  return walk(entries).then(async ({ found, notes }) => {
    const source = await fromFound(found, className);
    return { ...source, notes: [...notes, ...source.notes] };
  });
}

async function fromFound(found: readonly Found[], className: string | undefined): Promise<Source> {
  const isArchive = (file: Found) => ARCHIVE.test(file.path);
  const isTop = (file: Found) => !file.path.includes("/");
  // A folder of nothing but archives is a folder of shards; beside images, an archive is something else.
  const others = found.filter((file) => !isArchive(file));
  const isShards = others.every((file) => judgePath(file.path) !== undefined);
  const archives = found.filter((file) => isArchive(file) && (isShards || isTop(file)));
  const opened = new Set(archives);
  const sources: Source[] = [];
  for (const file of archives) sources.push(await openArchive(file, className, archives.length > 1));
  const rest = found.filter((file) => !opened.has(file));
  if (rest.length === 0) return joinSources(sources);
  const top = rest[0]?.path.split("/") ?? [];
  const name = top.length > 1 ? (top[0] ?? "images") : "images";
  const { sift } = await import("./sift.ts");
  return joinSources([await sift(name, rest, { className }), ...sources]);
}

/** "train.zip" beside "test.zip" tells the part of what is in it. */
async function openArchive(file: Found, className: string | undefined, isOneOfSeveral: boolean): Promise<Source> {
  const name = file.path.slice(file.path.lastIndexOf("/") + 1);
  const title = name.replace(ARCHIVE, "");
  const blob = await file.open().catch(() => undefined);
  if (blob === undefined) {
    const note = {
      source: file.path,
      kind: "unreadable",
      reason: "the browser could not open it: is it still there?",
      outcome: "left out",
    } as const;
    return { name: title, files: [], notes: [note], warnings: [] };
  }
  const source = await (await import("./zip.ts")).fromArchive(blob, name, { className });
  const part = isOneOfSeveral ? partOf(title) : undefined;
  return part === undefined ? source : { ...source, files: source.files.map((image) => ({ ...image, part: image.part ?? part })) };
}

async function walk(entries: readonly FileSystemEntry[]): Promise<{ found: Found[]; notes: Note[] }> {
  const found: Found[] = [];
  const notes: Note[] = [];
  const visit = async (entry: FileSystemEntry): Promise<void> => {
    const path = entry.fullPath.replace(/^\//, "");
    if (isFile(entry)) {
      found.push({ path, open: () => new Promise<File>((resolve, reject) => entry.file(resolve, reject)) });
    } else if (isDirectory(entry)) {
      const leaveOut = (kind: Note["kind"], reason: string) => notes.push({ source: `${path}/`, kind, reason, outcome: "left out" });
      if (isSystemFolder(entry.name)) {
        leaveOut("system file", "a system or hidden folder");
        return;
      }
      try {
        for (const child of await children(entry)) await visit(child);
      } catch {
        leaveOut("unreadable", "the folder could not be read to its end");
      }
    }
  };
  for (const entry of entries) await visit(entry);
  return { found, notes };
}

async function children(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  // Browsers hand out at most 100 entries at a time; an empty batch is the end.
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return all;
    all.push(...batch);
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

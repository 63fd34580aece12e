/** Files that stay in the browser: what a download needs of a disk, and the browser's private file system as one. */
import { createFile, fileAt, filesBelow, isHeld, makeFolder, removeAt, writeAll } from "../data/disk.ts";
import { SourceError } from "./input.ts";

/** Files by path, "a/b/c". */
export interface Store {
  /** The file, to be read when it is needed; undefined when there is none. */
  read(path: string): Promise<Blob | undefined>;
  /** Opens a file, made where there is none, to be written after its first `keep` bytes; what it had beyond is cut off. */
  append(path: string, keep: number): Promise<Writer>;
  /** Removes a file, or a folder with all in it. Nothing happens when there is none. */
  remove(path: string): Promise<void>;
  /** All files with their sizes in bytes. */
  list(): Promise<readonly { readonly path: string; readonly size: number }[]>;
}

export interface Writer {
  /** Throws a DOMException "QuotaExceededError" when there is no room. */
  write(bytes: Uint8Array): Promise<void> | void;
  close(): Promise<void> | void;
}

/**
 * The folder `name` of the origin's private file system. Writing works in a dedicated worker only. Bytes are in the file as soon as
 * they are written, so that a reload in the middle loses none.
 * Throws SourceError "storage" where the browser has no such file system; `append` and `remove` throw "locked" while another tab writes.
 */
export async function openStore(name: string): Promise<Store> {
  await makeFolder(name).catch((cause: unknown) => {
    throw new SourceError(
      "storage",
      `This browser keeps no files for this page (${String(cause)}).`,
      "Leave private browsing, or download the model by hand and drop its folder.",
    );
  });
  const within = (path: string): string => `${name}/${path}`;
  return {
    read: (path) => fileAt(within(path)),
    async append(path, keep) {
      const file = await createFile(within(path)).catch((error: unknown) => {
        throw isHeld(error) ? locked(path) : error;
      });
      file.truncate(keep);
      let at = keep;
      return {
        write(bytes) {
          writeAll(file, bytes, at);
          at += bytes.length;
        },
        close: () => file.close(),
      };
    },
    async remove(path) {
      if (!(await removeAt(within(path)))) throw locked(path);
    },
    list: async () => (await filesBelow(name)).map(({ path, size }) => ({ path: path.slice(within("").length), size })),
  };
}

const locked = (path: string): SourceError =>
  new SourceError("locked", `${path} is being downloaded in another tab.`, "Wait for that tab, or close it, and try again.");

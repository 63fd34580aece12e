/** Files that stay in the browser: what a download needs of a disk, and the browser's private file system as one. */
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

/** Exclusive access to a file, in a dedicated worker; TypeScript knows it in its library for workers alone. */
interface SyncAccess {
  truncate(size: number): void;
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  close(): void;
}
type Lockable = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> };

/**
 * The folder `name` of the origin's private file system. Writing works in a dedicated worker only. Bytes are in the file as soon as
 * they are written, so that a reload in the middle loses none.
 * Throws SourceError "storage" where the browser has no such file system; `append` and `remove` throw "locked" while another tab writes.
 */
export async function openStore(name: string): Promise<Store> {
  const top = await openTop(name);

  const folderOf = async (path: string, create: boolean): Promise<{ folder: FileSystemDirectoryHandle; file: string }> => {
    const folders = path.split("/");
    const file = folders.pop() as string;
    let folder = top;
    for (const part of folders) folder = await folder.getDirectoryHandle(part, { create });
    return { folder, file };
  };

  return {
    async read(path) {
      const { folder, file } = (await orAbsent(folderOf(path, false))) ?? {};
      const handle = folder && file ? await orAbsent(folder.getFileHandle(file)) : undefined;
      return handle?.getFile();
    },
    async append(path, keep) {
      const { folder, file } = await folderOf(path, true);
      const handle = (await folder.getFileHandle(file, { create: true })) as Lockable;
      const access = await orLocked(handle.createSyncAccessHandle(), file);
      access.truncate(keep);
      let at = keep;
      return {
        write(bytes) {
          for (let from = 0; from < bytes.length; ) {
            const rest = bytes.subarray(from);
            const written = access.write(rest, { at });
            // A full disk is an error, except in Chromium's private windows: there it is a count near 2^32.
            if (written === 0 || written > rest.length) throw new DOMException("The disk takes no more bytes.", "QuotaExceededError");
            from += written;
            at += written;
          }
        },
        close: () => access.close(),
      };
    },
    async remove(path) {
      const { folder, file } = (await orAbsent(folderOf(path, false))) ?? {};
      if (folder && file) await orAbsent(orLocked(folder.removeEntry(file, { recursive: true }), path));
    },
    async list() {
      const files: { path: string; size: number }[] = [];
      const visit = async (folder: FileSystemDirectoryHandle, prefix: string): Promise<void> => {
        for await (const [name, handle] of folder.entries()) {
          if (handle.kind === "directory") await visit(handle as FileSystemDirectoryHandle, `${prefix}${name}/`);
          else files.push({ path: prefix + name, size: (await (handle as FileSystemFileHandle).getFile()).size });
        }
      };
      await visit(top, "");
      return files;
    },
  };
}

async function openTop(name: string): Promise<FileSystemDirectoryHandle> {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(name, { create: true });
  } catch (cause) {
    throw new SourceError(
      "storage",
      `This browser keeps no files for this page (${String(cause)}).`,
      "Leave private browsing, or download the model by hand and drop its folder.",
    );
  }
}

/** Undefined instead of the error that there is no such file or folder. */
async function orAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotFoundError") return undefined;
    throw error;
  }
}

async function orLocked<T>(change: Promise<T>, what: string): Promise<T> {
  try {
    return await change;
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== "NoModificationAllowedError") throw error;
    throw new SourceError("locked", `${what} is being downloaded in another tab.`, "Wait for that tab, or close it, and try again.");
  }
}

/** The browser's private file system, by paths from its top: "images/pixels/…". Files are written in workers alone, and read anywhere. */

/** Access without waiting to an open file; TypeScript knows it in its library for workers alone. */
export interface OpenFile {
  read(into: Uint8Array, place: { readonly at: number }): number;
  write(bytes: Uint8Array, place: { readonly at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  close(): void;
}
type Openable = FileSystemFileHandle & { createSyncAccessHandle(how?: { readonly mode: "read-only" }): Promise<OpenFile> };

/** Makes a folder where there is none. Throws where the browser has no such files for this page, as in some private windows. */
export async function makeFolder(path: string): Promise<void> {
  const { folder, name } = await locate(path, true);
  await folder.getDirectoryHandle(name, { create: true });
}

/** Opens a file for writing, in a worker, made where there is none. Throws as `makeFolder`, and where another has it: see `isHeld`. */
export async function createFile(path: string): Promise<OpenFile> {
  const { folder, name } = await locate(path, true);
  const handle = (await folder.getFileHandle(name, { create: true })) as Openable;
  return handle.createSyncAccessHandle();
}

/**
 * Opens a file for reading, in a worker. Any number may read where the browser knows that mode; elsewhere the first has it for itself.
 * Undefined when it is missing, or another has it.
 */
export async function openFile(path: string): Promise<OpenFile | undefined> {
  return orNothing(async () => {
    const { folder, name } = await locate(path, false);
    const handle = (await folder.getFileHandle(name)) as Openable;
    return handle.createSyncAccessHandle({ mode: "read-only" });
  });
}

/** The file as a blob, from which slices can be read anywhere. Undefined when it is missing. */
export async function fileAt(path: string): Promise<File | undefined> {
  return orNothing(async () => {
    const { folder, name } = await locate(path, false);
    return (await folder.getFileHandle(name)).getFile();
  });
}

/** Removes a file, or a folder with all in it. What another tab has open stays: then false. */
export async function removeAt(path: string): Promise<boolean> {
  try {
    const { folder, name } = await locate(path, false);
    await folder.removeEntry(name, { recursive: true });
  } catch (error) {
    if (isHeld(error)) return false;
    if (!isNothing(error)) throw error;
  }
  return true;
}

/** All files below a folder; none where there is no such folder, or no private file system. */
export async function filesBelow(path: string): Promise<readonly { readonly path: string; readonly size: number }[]> {
  const found: { path: string; size: number }[] = [];
  const visit = async (folder: FileSystemDirectoryHandle, prefix: string): Promise<void> => {
    for await (const [name, handle] of folder.entries()) {
      const inside = `${prefix}/${name}`;
      if (handle.kind === "directory") await visit(handle as FileSystemDirectoryHandle, inside);
      else {
        const file = await orNothing(() => (handle as FileSystemFileHandle).getFile());
        if (file) found.push({ path: inside, size: file.size });
      }
    }
  };
  await orNothing(async () => {
    const { folder, name } = await locate(path, false);
    await visit(await folder.getDirectoryHandle(name), path);
  });
  return found;
}

/** Writes all of it. Throws a DOMException "QuotaExceededError" when there is no room. */
export function writeAll(file: OpenFile, bytes: Uint8Array, at: number): void {
  for (let from = 0; from < bytes.length; ) {
    const rest = bytes.subarray(from);
    const written = file.write(rest, { at: at + from });
    // A full disk is an error, except in Chromium's private windows: there it is a count near 2^32.
    if (written === 0 || written > rest.length) throw new DOMException("The disk takes no more bytes.", "QuotaExceededError");
    from += written;
  }
}

/** Another tab or worker has the file open. */
export function isHeld(error: unknown): boolean {
  return error instanceof DOMException && error.name === "NoModificationAllowedError";
}

export function isFull(error: unknown): boolean {
  return error instanceof DOMException && error.name === "QuotaExceededError";
}

async function locate(path: string, create: boolean): Promise<{ folder: FileSystemDirectoryHandle; name: string }> {
  const folders = path.split("/");
  const name = folders.pop() as string;
  let folder = await navigator.storage.getDirectory();
  for (const part of folders) folder = await folder.getDirectoryHandle(part, { create });
  return { folder, name };
}

/** Undefined instead of the errors that a file is missing, held by another, or that there is no file system. */
async function orNothing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isNothing(error) || isHeld(error)) return undefined;
    throw error;
  }
}

function isNothing(error: unknown): boolean {
  // Without `navigator.storage` it is a TypeError.
  const expected = ["NotFoundError", "SecurityError", "TypeMismatchError", "InvalidStateError"];
  return error instanceof TypeError || (error instanceof DOMException && expected.includes(error.name));
}

/** One file from the Hub into a store: gone on with where it broke off, and checked when it is whole. */
import { isFull } from "../data/disk.ts";
import { SourceError } from "./input.ts";
import type { Store } from "./opfs.ts";
import { type Asked, asker, changed, unreachable } from "./request.ts";

export interface HubFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** What its bytes must give: "sha256:…", or "git:…" for a file that is kept in the repository itself. */
  readonly digest: string;
}

/** Lies beside a file whose bytes were checked, and says what they gave. */
export const CHECKED = ".checked";
export const noteOf = ({ digest, size }: HubFile): string => `${digest} ${size}`;

interface Transfer {
  readonly store: Store;
  /** Where in the store. */
  readonly path: string;
  readonly file: HubFile;
  readonly url: string;
  readonly asked: Asked;
  /** Bytes of it that are in the store and good to go on from. */
  readonly from: number;
  /** Gets the number of bytes that are there. */
  readonly onBytes: (have: number) => void;
  readonly signal: AbortSignal | undefined;
}

/**
 * Brings a file into the store, checks it, and leaves the note of that. After a break it goes on with the rest, as long as every try
 * gets further than the ones before. Throws SourceError; what has come stays in the store, unless it is wrong.
 */
export async function transfer(job: Transfer): Promise<void> {
  const { store, path, file, onBytes } = job;
  let have = job.from;
  let furthest = -1;
  await store.remove(path + CHECKED);
  let writer = await store.append(path, have);
  try {
    while (have < file.size) {
      if (have <= furthest) throw unreachable(job.asked, `the connection broke off after ${have} of ${file.size} bytes`);
      furthest = have;
      const { body, start } = await ask(job, have);
      if (start !== have) {
        await writer.close();
        writer = await store.append(path, start);
        have = start;
      }
      for await (const bytes of pieces(body, job.signal)) {
        if (have + bytes.length > file.size) throw changed(file.name, `has more than ${file.size} bytes there`);
        await orFull(job, have, () => writer.write(bytes));
        have += bytes.length;
        onBytes(have);
      }
    }
  } finally {
    await writer.close();
  }
  await check(job);
  const note = await store.append(path + CHECKED, 0);
  try {
    await orFull(job, have, () => note.write(new TextEncoder().encode(noteOf(file))));
  } finally {
    await note.close();
  }
}

/** Asks for the file from byte `have` on. `start`: where the answer begins, which is 0 from a server that knows no ranges. */
async function ask({ url, asked, file, signal }: Transfer, have: number): Promise<{ body: ReadableStream<Uint8Array>; start: number }> {
  // The store is the cache: another copy of the file in the browser's own would only take room.
  const response = await asker(asked, signal)(url, { cache: "no-store", ...(have > 0 && { headers: { range: `bytes=${have}-` } }) });
  const { headers, body, status } = response;
  const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(headers.get("content-range") ?? "");
  const start = status === 206 ? Number(range?.[1] ?? have) : 0;
  // The length of a whole answer says nothing: small files come packed, and a page of another origin is not told so.
  const size = status === 206 ? Number(range?.[2] ?? file.size) : file.size;
  if (size === file.size && (start === have || start === 0) && body) return { body, start };
  await body?.cancel();
  throw changed(file.name, `is ${size} bytes there and not ${file.size}`);
}

/** The pieces of a body up to its end, or up to where it broke off. Throws when the signal is aborted. */
async function* pieces(body: ReadableStream<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      signal?.throwIfAborted();
      if (done || !value) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined); // a body that broke off cannot be cancelled, and need not be
  }
}

/** Throws SourceError "quota" where the disk is full. */
async function orFull({ file }: Transfer, have: number, write: () => Promise<void> | void): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!isFull(error)) throw error;
    throw new SourceError(
      "quota",
      `The browser has no room for ${file.name}: ${file.size - have} more bytes are needed, of ${file.size}.`,
      "Free space on the disk, or clear this site's data in the browser, and try again; what has been downloaded is kept.",
    );
  }
}

/** Removes the file and throws SourceError "hash" when its bytes do not give its digest. */
async function check({ store, path, file, signal }: Transfer): Promise<void> {
  const blob = (await store.read(path)) as Blob;
  const digest = file.digest.startsWith("sha256:") ? `sha256:${await sha256(blob, signal)}` : `git:${await gitName(blob)}`;
  if (digest === file.digest) return;
  await store.remove(path);
  throw new SourceError(
    "hash",
    `${file.name} did not arrive as the Hub has it: ${digest} and not ${file.digest}.`,
    "It was thrown away; try again. If this happens again, something on the way changes it: download it by hand and drop its folder.",
  );
}

/** In hexadecimal; the file is read piece by piece and never whole in memory. */
async function sha256(blob: Blob, signal: AbortSignal | undefined): Promise<string> {
  const { __internal_sha256: hash } = await import("@huggingface/hub");
  const steps = hash(blob);
  for (;;) {
    signal?.throwIfAborted();
    const { done, value } = await steps.next();
    if (done) return value;
  }
}

/** git's name of a blob: SHA-1 of "blob", its size, a zero byte and its bytes. Only small files are kept in git itself. */
async function gitName(blob: Blob): Promise<string> {
  const whole = await new Blob([`blob ${blob.size}\0`, blob]).arrayBuffer();
  const digest = await crypto.subtle.digest("SHA-1", whole);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

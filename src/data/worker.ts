/** Worker entry: prepares a few files per message, puts them into packs, and answers with their places or the reasons against them. */

import type { NoteKind, Preprocess } from "./dataset.ts";
import { decode, judgeSize } from "./decode.ts";
import { isFull } from "./disk.ts";
import { readHeader } from "./header.ts";
import { Keeper, type Place } from "./keeper.ts";
import { fromHex, toHex } from "./pack.ts";
import { Refusal, refusalOf } from "./refusal.ts";

/** A file to prepare. */
export interface Order {
  readonly file: Blob;
  /** Its SHA-256 in hex, where it is known: then it need not be read when it was prepared before. */
  readonly digest?: string | undefined;
}

export interface Prepared {
  /** SHA-256 of the file, in hex. */
  readonly digest: string;
  /** Where its pixels lie; (size, size, 3) bytes where the browser keeps no files. */
  readonly at: Place | Uint8Array<ArrayBuffer>;
  /** The pack that holds the file as it was. */
  readonly file?: string | undefined;
  /** What to tell about an image that is taken all the same. */
  readonly remark?: string | undefined;
}

/** What became of a file. "full": the browser's storage has no room for its pixels. */
export type Outcome = { readonly prepared: Prepared } | { readonly kind: NoteKind; readonly reason: string } | "full";

/** "end" closes the packs, once the file under work is done. */
export type Job =
  | { readonly type: "prepare"; readonly orders: readonly Order[]; readonly preprocess: Preprocess; readonly keepAs: string | undefined }
  | { readonly type: "end" };

export interface Batch {
  /** In the order of the job; fewer when the end came before. */
  readonly outcomes: readonly Outcome[];
  /** Files that had to be decoded: the others were prepared before. */
  readonly decoded: number;
  /** Pixels of the last image that was decoded, to show. */
  readonly shown: Uint8Array<ArrayBuffer> | undefined;
}

export type Answer = { readonly type: "batch"; readonly batch: Batch } | { readonly type: "ended" };

const MAX_FILE_BYTES = 64 * 2 ** 20;

let keeper: Promise<Keeper | undefined> | undefined;
let ending = false;
let work: Promise<void> = Promise.resolve();

async function prepare({ orders, preprocess, keepAs }: Extract<Job, { type: "prepare" }>): Promise<void> {
  keeper ??= keepAs === undefined ? Promise.resolve(undefined) : Keeper.open(keepAs, preprocess);
  const kept = await keeper;
  const outcomes: Outcome[] = [];
  let [decoded, shown]: [number, Uint8Array<ArrayBuffer> | undefined] = [0, undefined];

  const take = async ({ file, digest: known }: Order): Promise<Prepared> => {
    const before = known === undefined ? undefined : kept?.find(fromHex(known));
    if (known !== undefined && before) return { digest: known, at: before };
    if (file.size > MAX_FILE_BYTES) throw new Refusal("huge", `${Math.round(file.size / 2 ** 20)} MiB; at most 64 MiB`);
    const bytes = new Uint8Array(await file.arrayBuffer());
    const key = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    const digest = toHex(key);
    const found = kept?.find(key);
    if (kept && found) {
      const { width, height } = readHeader(bytes);
      return { digest, at: found, file: await kept.addFile(key, bytes), remark: judgeSize(width, height, preprocess.crop) };
    }
    const { pixels, remark } = await decode(bytes, preprocess);
    decoded++;
    shown = pixels;
    if (!kept) return { digest, at: pixels, remark };
    return { digest, at: await kept.addPixels(key, pixels), file: await kept.addFile(key, bytes), remark };
  };

  for (const order of orders) {
    if (ending) break;
    try {
      outcomes.push({ prepared: await take(order) });
    } catch (error) {
      if (isFull(error)) outcomes.push("full");
      else {
        const { kind, message } = refusalOf(error);
        outcomes.push({ kind, reason: message });
      }
    }
  }
  const transfer = new Set(outcomes.map((outcome) => (outcome !== "full" && "prepared" in outcome ? outcome.prepared.at : undefined)));
  const buffers = [...transfer, shown].flatMap((bytes) => (bytes instanceof Uint8Array ? [bytes.buffer] : []));
  post({ type: "batch", batch: { outcomes, decoded, shown } }, [...new Set(buffers)]);
}

function post(message: Answer, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}

self.addEventListener("message", ({ data }: MessageEvent<Job>) => {
  if (data.type === "prepare") {
    // An error that nobody foresaw ends this worker as a crash would: the page then tries the files one by one.
    work = prepare(data).catch((error: unknown) => {
      setTimeout(() => {
        throw error;
      });
    });
    return;
  }
  ending = true;
  void work.then(async () => {
    (await keeper)?.close();
    post({ type: "ended" });
  });
});

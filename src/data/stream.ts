/** Files through the preparer: read ahead in small batches, several at a time, and handed on in their order. */

import type { Preparer } from "./decoder.ts";
import { refusalOf } from "./refusal.ts";
import type { Order, Outcome } from "./worker.ts";

/** A file that is opened when its turn comes. */
export interface Opens {
  readonly open: () => Promise<Blob>;
  readonly digest?: string | undefined;
}

/** What became of some files, the first of them number `first`. A hole is a file that was not reached. */
export interface Settled {
  readonly first: number;
  readonly outcomes: readonly (Outcome | undefined)[];
  /** Of all files so far. */
  readonly decoded: number;
  /** Pixels to show, newest last. */
  readonly shown: readonly Uint8Array[];
}

/** A batch ends with the file that takes it over one of these: many small files go in one message, a photo alone. */
const BATCH_FILES = 16;
const BATCH_BYTES = 2 ** 20;
/** Behind one slow file thousands may be waiting. */
const MOST_AT_ONCE = 1000;

/**
 * Prepares files and yields what became of them in their order, whatever is done first. On `signal` it ends without waiting, with what
 * is done by then.
 */
export async function* inOrder(files: readonly Opens[], preparer: Preparer, signal?: AbortSignal): AsyncGenerator<Settled> {
  const settled: (Outcome | undefined)[] = [];
  let shown: Uint8Array[] = [];
  let [next, done, decoded, ended] = [0, 0, 0, signal?.aborted ?? false];
  let wake: () => void = () => undefined;
  const stop = () => {
    ended = true;
    wake();
  };
  signal?.addEventListener("abort", stop, { once: true });

  const lane = async (): Promise<void> => {
    while (!ended && next < files.length) {
      const numbers: number[] = [];
      const orders: Order[] = [];
      for (let bytes = 0; !ended && next < files.length && orders.length < BATCH_FILES && bytes < BATCH_BYTES; ) {
        const number = next++;
        const { open, digest } = files[number] as Opens;
        try {
          const file = await open();
          numbers.push(number);
          orders.push({ file, digest });
          bytes += file.size;
        } catch (error) {
          const { kind, message } = refusalOf(error);
          settled[number] = { kind, reason: message };
        }
      }
      wake();
      if (orders.length === 0) continue;
      const batch = await preparer.prepare(orders);
      batch.outcomes.forEach((outcome, i) => {
        settled[numbers[i] as number] = outcome;
      });
      decoded += batch.decoded;
      if (batch.shown) shown.push(batch.shown);
      wake();
    }
  };

  // Twice as many as are decoded at the same time, so that files are read meanwhile.
  for (let count = 2 * preparer.lanes; count > 0; count--) void lane();
  try {
    while (done < files.length && !ended) {
      if (settled[done] === undefined) await new Promise<void>((resolve) => (wake = resolve));
      const first = done;
      while (settled[done] !== undefined && done < first + MOST_AT_ONCE) done++;
      if (done > first) {
        yield { first, outcomes: settled.slice(first, done), decoded, shown };
        shown = [];
      }
    }
    // What is done beyond a file that is not.
    if (ended && settled.length > done) yield { first: done, outcomes: settled.slice(done), decoded, shown };
  } finally {
    stop();
    signal?.removeEventListener("abort", stop);
  }
}

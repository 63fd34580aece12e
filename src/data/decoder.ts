/** The page's side of the decoding workers: a few of them, each with one file at a time. */

import type { Preprocess } from "./dataset.ts";
import type { Prepared } from "./decode.ts";
import { Refusal } from "./refusal.ts";
import type { Answer, Job } from "./worker.ts";

export interface Decoder {
  /** Files it works on at the same time. */
  readonly lanes: number;
  /** @throws Refusal */
  readonly prepare: (file: Blob) => Promise<Prepared>;
  /** Stops the workers at once; images not finished are dropped and their promises never settle. */
  readonly close: () => void;
}

interface Task {
  readonly file: Blob;
  readonly resolve: (prepared: Prepared) => void;
  readonly reject: (refusal: Refusal) => void;
}

/** One core is left to the page; beyond four, reading the files is the slower part. */
function laneCount(): number {
  return Math.max(1, Math.min(4, navigator.hardwareConcurrency - 1));
}

function startWorker(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
}

/**
 * Starts decoding in workers. A worker that dies on a file is replaced, and only that file is refused.
 * @param start makes a worker
 */
export function openDecoder(preprocess: Preprocess, start: () => Worker = startWorker): Decoder {
  const lanes = laneCount();
  const waiting: Task[] = [];
  const idle: Worker[] = [];
  const busy = new Set<Worker>();

  const next = () => {
    if (busy.size >= lanes) return;
    const task = waiting.shift();
    if (task !== undefined) run(idle.pop() ?? start(), task);
  };

  const run = (worker: Worker, { file, resolve, reject }: Task) => {
    busy.add(worker);
    const fail = (event: Event) => {
      event.preventDefault();
      busy.delete(worker);
      worker.terminate();
      reject(new Refusal("damaged", "the image decoder stopped while it read this file"));
      next();
    };
    worker.onerror = fail;
    worker.onmessageerror = fail;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      busy.delete(worker);
      idle.push(worker);
      if ("prepared" in data) resolve(data.prepared);
      else reject(new Refusal(data.kind, data.reason));
      next();
    };
    const job: Job = { file, preprocess };
    worker.postMessage(job);
  };

  return {
    lanes,
    prepare: (file) =>
      new Promise((resolve, reject) => {
        waiting.push({ file, resolve, reject });
        next();
      }),
    close: () => {
      waiting.length = 0;
      for (const worker of [...idle, ...busy]) worker.terminate();
    },
  };
}

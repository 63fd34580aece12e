/** The page's side of the decoding workers: a few of them, each with a few files at a time. */

import type { Preprocess } from "./dataset.ts";
import type { Answer, Batch, Job, Order, Outcome } from "./worker.ts";

export interface Preparer {
  /** Jobs it works on at the same time. */
  readonly lanes: number;
  /** Outcomes in the order of the files; fewer when it is closed meanwhile. */
  readonly prepare: (orders: readonly Order[]) => Promise<Batch>;
  /** Ends the workers. Files not begun are dropped; what is done lies safe in its packs when this resolves. */
  readonly close: () => Promise<void>;
}

interface Task {
  readonly orders: readonly Order[];
  readonly resolve: (batch: Batch) => void;
}

/** What a worker that is asked to end may still need for the file under work. */
const PATIENCE_MS = 2000;
const MOST_LANES = 8;
const NOTHING: Batch = { outcomes: [], decoded: 0, shown: undefined };
const STOPPED: Outcome = { kind: "damaged", reason: "the image decoder stopped while it read this file" };

/** One core is left to the page, which reads archives meanwhile. */
function laneCount(): number {
  return Math.max(1, Math.min(MOST_LANES, navigator.hardwareConcurrency - 1));
}

function startWorker(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
}

/**
 * Starts decoding in workers. A worker that dies is replaced, its files are tried one by one, and only the one it dies of is refused.
 * @param keep whether files and pixels go into the browser's storage; else pixels come back in memory
 * @param start makes a worker
 */
export function openDecoder(preprocess: Preprocess, keep = false, start: () => Worker = startWorker): Preparer {
  const lanes = laneCount();
  const name = keep ? crypto.randomUUID() : undefined;
  const waiting: Task[] = [];
  const idle: Worker[] = [];
  const busy = new Map<Worker, Task>();
  /** A pack belongs to one worker: one that takes the place of another begins a new one. */
  const names = new Map<Worker, string | undefined>();
  let closed = false;

  const next = () => {
    if (busy.size >= lanes) return;
    const task = waiting.shift();
    if (task !== undefined) run(idle.pop() ?? open(), task);
  };

  const open = () => {
    const worker = start();
    names.set(worker, name && `${name}-${names.size}`);
    return worker;
  };

  const run = (worker: Worker, task: Task) => {
    busy.set(worker, task);
    const fail = (event: Event) => {
      event.preventDefault();
      busy.delete(worker);
      worker.terminate();
      if (closed) task.resolve(NOTHING);
      else if (task.orders.length > 1) void alone(task);
      else task.resolve({ ...NOTHING, outcomes: [STOPPED] });
      next();
    };
    worker.onerror = fail;
    worker.onmessageerror = fail;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      if (data.type !== "batch") return;
      busy.delete(worker);
      idle.push(worker);
      task.resolve(data.batch);
      next();
    };
    const job: Job = { type: "prepare", orders: task.orders, preprocess, keepAs: names.get(worker) };
    worker.postMessage(job);
  };

  const alone = async ({ orders, resolve }: Task) => {
    const batches = await Promise.all(orders.map((order) => prepare([order])));
    resolve({
      outcomes: batches.flatMap(({ outcomes }) => outcomes),
      decoded: batches.reduce((sum, { decoded }) => sum + decoded, 0),
      shown: batches.find(({ shown }) => shown)?.shown,
    });
  };

  const prepare = (orders: readonly Order[]) =>
    new Promise<Batch>((resolve) => {
      if (closed) {
        resolve(NOTHING);
        return;
      }
      waiting.push({ orders, resolve });
      next();
    });

  const end = async (worker: Worker) => {
    const ended = new Promise<void>((resolve) => {
      worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => data.type === "ended" && resolve());
      worker.addEventListener("error", () => resolve());
      setTimeout(resolve, PATIENCE_MS);
    });
    const job: Job = { type: "end" };
    worker.postMessage(job);
    await ended;
    worker.terminate();
    busy.get(worker)?.resolve(NOTHING);
  };

  return {
    lanes,
    prepare,
    close: async () => {
      closed = true;
      for (const { resolve } of waiting.splice(0)) resolve(NOTHING);
      await Promise.all([...idle, ...busy.keys()].map(end));
    },
  };
}

/** Judgements off the page's thread. */
import { type Judgement, judge, type Measured } from "./judge.ts";
import type { Asked, Told } from "./juror.ts";

interface Waiting {
  readonly measured: Measured;
  resolve(judgement: Judgement): void;
  reject(error: Error): void;
}

let worker: Worker | undefined;
let last = 0;
const waiting = new Map<number, Waiting>();

/** Answered in a worker where there are workers; in place elsewhere (Node), and where the worker does not start. */
export function deliberate(measured: Measured): Promise<Judgement> {
  if (typeof Worker === "undefined") return Promise.resolve(judge(measured));
  return new Promise((resolve, reject) => {
    const id = ++last;
    waiting.set(id, { measured, resolve, reject });
    worker ??= open();
    worker.postMessage({ id, measured } satisfies Asked);
  });
}

function open(): Worker {
  const opened = new Worker(new URL("./juror.ts", import.meta.url), { type: "module" });
  opened.onmessage = ({ data }: MessageEvent<Told>) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ("judgement" in data) asked?.resolve(data.judgement);
    else asked?.reject(new Error(data.error));
  };
  opened.onerror = () => {
    opened.terminate();
    worker = undefined;
    for (const { measured, resolve } of waiting.values()) resolve(judge(measured));
    waiting.clear();
  };
  return opened;
}

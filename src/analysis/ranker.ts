/** Rank metrics off the training thread: a queue in front of `worker.ts`. */
import type { RankMetrics } from "./rank.ts";
import type { RankReply, RankRequest } from "./worker.ts";

export interface Ranker {
  /**
   * Metrics of ΔW (rows, cols), row-major; requests are answered in their order. The buffer of `delta` is given away: do not use it afterwards.
   * Rejects when the shape does not fit, when the worker fails, and when the ranker is closed first.
   */
  rank(delta: Float32Array<ArrayBuffer>, rows: number, cols: number): Promise<RankMetrics>;
  /** Ends the worker and rejects what is still waiting. */
  close(): void;
}

/** Starts a worker where there are workers; elsewhere (Node) the work is done in place. */
export function openRanker(): Ranker {
  if (typeof Worker === "undefined") {
    const rank: Ranker["rank"] = async (delta, rows, cols) => (await import("./rank.ts")).rankOf(delta, rows, cols);
    return { rank, close: () => undefined };
  }

  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const waiting = new Map<number, { resolve(metrics: RankMetrics): void; reject(error: Error): void }>();
  let sent = 0;
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure = error;
    worker.terminate();
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.onmessage = ({ data }: MessageEvent<RankReply>) => {
    const request = waiting.get(data.id);
    waiting.delete(data.id);
    if ("metrics" in data) request?.resolve(data.metrics);
    else request?.reject(new Error(data.error));
  };
  worker.onerror = ({ message }) => fail(new Error(`The rank worker failed: ${message}`));

  return {
    rank(delta, rows, cols) {
      if (failure) return Promise.reject(failure);
      const id = sent++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, delta, rows, cols } satisfies RankRequest, [delta.buffer]);
      });
    },
    close: () => fail(new Error("The ranker was closed.")),
  };
}

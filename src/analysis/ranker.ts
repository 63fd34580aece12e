/** Rank metrics off the training thread. */
import { openQueue } from "./queue.ts";
import type { RankMetrics } from "./rank.ts";
import type { RankQuestion } from "./worker.ts";

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
  const { ask, close } = openQueue<RankQuestion, RankMetrics>(
    "rank",
    () => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }),
    async ({ delta, rows, cols }) => (await import("./rank.ts")).rankOf(delta, rows, cols),
  );
  return { rank: (delta, rows, cols) => ask({ delta, rows, cols }, [delta.buffer]), close };
}

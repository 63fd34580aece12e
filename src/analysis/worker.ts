/** Module worker: singular values take tens of milliseconds per layer and must not hold up training. */
import { type RankMetrics, rankOf } from "./rank.ts";

export interface RankRequest {
  readonly id: number;
  /** (rows, cols) row-major */
  readonly delta: Float32Array;
  readonly rows: number;
  readonly cols: number;
}

export type RankReply = { readonly id: number; readonly metrics: RankMetrics } | { readonly id: number; readonly error: string };

globalThis.onmessage = ({ data: { id, delta, rows, cols } }: MessageEvent<RankRequest>) => {
  try {
    const metrics = rankOf(delta, rows, cols);
    reply({ id, metrics }, [metrics.singularValues.buffer]);
  } catch (error) {
    reply({ id, error: error instanceof Error ? error.message : String(error) }, []);
  }
};

const reply = (message: RankReply, transfer: Transferable[]): void => globalThis.postMessage(message, { transfer });

/** Module worker: thousands of resamples of thousands of images take a second, which the page does not have. */
import { type Judgement, judge, type Measured } from "./judge.ts";

export interface Asked {
  readonly id: number;
  readonly measured: Measured;
}

export type Told = { readonly id: number; readonly judgement: Judgement } | { readonly id: number; readonly error: string };

globalThis.onmessage = ({ data: { id, measured } }: MessageEvent<Asked>) => {
  try {
    globalThis.postMessage({ id, judgement: judge(measured) } satisfies Told);
  } catch (error) {
    globalThis.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies Told);
  }
};

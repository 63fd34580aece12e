/** Worker entry: prepares one file per message, and answers each with the image or with the reason against it. */

import type { NoteKind, Preprocess } from "./dataset.ts";
import { decode, type Prepared } from "./decode.ts";
import { refusalOf } from "./refusal.ts";

export interface Job {
  readonly file: Blob;
  readonly preprocess: Preprocess;
}

export type Answer = { readonly prepared: Prepared } | { readonly kind: NoteKind; readonly reason: string };

async function answer({ file, preprocess }: Job): Promise<void> {
  try {
    const prepared = await decode(file, preprocess);
    post({ prepared }, [prepared.pixels.buffer]);
  } catch (error) {
    const { kind, message } = refusalOf(error);
    post({ kind, reason: message }, []);
  }
}

function post(message: Answer, transfer: Transferable[]): void {
  self.postMessage(message, { transfer });
}

self.addEventListener("message", (event: MessageEvent<Job>) => void answer(event.data));

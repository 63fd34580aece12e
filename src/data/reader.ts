/** Worker entry: reads one thing out of a parquet file, answers, and is done. */

import type { NoteKind } from "./dataset.ts";
import { refusalOf } from "./refusal.ts";
import { describeTable, type RowGroup, readRowGroup, type TableFacts } from "./rows.ts";

/** Without a number of a row group, what the file says about itself is wanted. */
export interface Order {
  readonly file: Blob;
  readonly group?: number;
}

export type Answer = { readonly table: TableFacts } | { readonly rows: RowGroup } | { readonly kind: NoteKind; readonly reason: string };

async function answer({ file, group }: Order): Promise<Answer> {
  try {
    return group === undefined ? { table: await describeTable(file) } : { rows: await readRowGroup(file, group) };
  } catch (error) {
    const { kind, message } = refusalOf(error);
    return { kind, reason: message };
  }
}

self.addEventListener("message", (event: MessageEvent<Order>) => void answer(event.data).then((found) => self.postMessage(found)));

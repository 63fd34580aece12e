/** A kept run as one JSON file. */

import { slug } from "./names.ts";
import type { RunRecord } from "./record.ts";
import { save } from "./save.ts";

export function saveJson(record: RunRecord): void {
  save(new Blob([toJson(record)], { type: "application/json" }), `${fileName(record)}.json`);
}

/** "fullrank-lora-randlora-on-eurosat" */
export const fileName = ({ name }: Pick<RunRecord, "name">): string => `fullrank-${slug(name, "run")}`;

/** Typed arrays as lists; what is not finite as null. */
export function toJson(record: RunRecord): string {
  return JSON.stringify(record, (_, value: unknown) => (ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value), 1);
}

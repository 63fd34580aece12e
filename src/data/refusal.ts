import { FormatError, UnsupportedError } from "../formats/error.ts";
import type { NoteKind } from "./dataset.ts";

/** Why one file is left out, in words for the import report. Never ends an import. */
export class Refusal extends Error {
  readonly kind: NoteKind;

  constructor(kind: NoteKind, reason: string) {
    super(reason);
    this.name = "Refusal";
    this.kind = kind;
  }
}

/** Any thrown value as a Refusal: unforeseen errors (a file that vanished, no memory) get the kind "unreadable". */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof FormatError) return new Refusal("damaged", error.message);
  if (error instanceof UnsupportedError) return new Refusal("unreadable", error.message);
  return new Refusal("unreadable", `could not be read (${error instanceof Error ? error.message : String(error)})`);
}

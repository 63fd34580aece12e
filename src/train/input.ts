/** What a person can mend. */

/** The run cannot start with what was given; says what to do. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly todo: string;
  constructor(what: string, todo: string) {
    super(what);
    this.todo = todo;
  }
}

export type SourceFault =
  | "id"
  | "network"
  | "gated"
  | "missing"
  | "busy"
  | "server"
  | "changed"
  | "hash"
  | "quota"
  | "locked"
  | "storage"
  | "weights"
  | "several"
  | "unreadable";

/** A model that could not be had. `fault` is for programs, `message` and `todo` for people: what happened, and what to do. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly fault: SourceFault;
  readonly todo: string;
  constructor(fault: SourceFault, what: string, todo: string) {
    super(what);
    this.fault = fault;
    this.todo = todo;
  }
}

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

/** The two ways in which a file can be refused. */

/** What is wrong with a file that does not keep to its format. */
export type FormatFault = "truncated" | "header" | "json" | "dtype" | "shape" | "size" | "offsets" | "key" | "missing" | "value" | "config";

/** The bytes are not what their format says. `fault` is for programs, `message` for people. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  readonly fault: FormatFault;
  constructor(fault: FormatFault, message: string) {
    super(message);
    this.fault = fault;
  }
}

/** The file is sound, but it asks for something that is not built here. `feature` names it. */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
  readonly feature: string;
  constructor(feature: string, why: string) {
    super(`${feature} is not supported: ${why}`);
    this.feature = feature;
  }
}

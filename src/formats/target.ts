/** Which modules a PEFT config adapts. */
import { UnsupportedError } from "./error.ts";

/** A list of names, or one Python regular expression. */
export type TargetModules = string | readonly string[];

/** Syntax that JavaScript reads otherwise than Python's `re`, or not at all: \A \Z, named and inline-flag groups, {,n}, and a class that begins with ]. */
const PYTHON_ONLY = /\\[AZ]|\(\?(?![:=!]|<[=!])|\{,|\[\^?\]/;

/**
 * True when PEFT adapts the module at `path`: a string must match the whole path as `re.fullmatch` does;
 * a list entry must be the path itself or its last parts ("q_proj", "self_attn.q_proj").
 * Throws UnsupportedError for "all-linear" and for patterns that cannot be carried over from Python.
 */
export function matchesTarget(path: string, target: TargetModules): boolean {
  if (typeof target !== "string") return target.some((name) => path === name || path.endsWith(`.${name}`));
  return compile(target).test(path);
}

function compile(pattern: string): RegExp {
  if (pattern.toLowerCase() === "all-linear") throw new UnsupportedError('target_modules "all-linear"', "name the modules instead.");
  if (PYTHON_ONLY.test(pattern)) throw new UnsupportedError(`target_modules "${pattern}"`, "the pattern uses syntax that only Python has.");
  try {
    return new RegExp(`^(?:${pattern})$`);
  } catch {
    throw new UnsupportedError(`target_modules "${pattern}"`, "the pattern is not a regular expression of JavaScript.");
  }
}

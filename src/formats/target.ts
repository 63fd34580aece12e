/** Which modules a PEFT config adapts. */
import { UnsupportedError } from "./error.ts";
import { compile } from "./pattern.ts";

/** A list of names, or one Python regular expression. */
export type TargetModules = string | readonly string[];

/**
 * True when PEFT adapts the module at `path`: a string must match the whole path as `re.fullmatch` does;
 * a list entry must be the path itself or its last parts ("q_proj", "self_attn.q_proj").
 * Throws UnsupportedError for "all-linear", and for patterns that Python refuses or that are not built here.
 */
export function matchesTarget(path: string, target: TargetModules): boolean {
  if (typeof target !== "string") return target.some((name) => path === name || path.endsWith(`.${name}`));
  if (target.toLowerCase() === "all-linear") throw new UnsupportedError('target_modules "all-linear"', "name the modules instead.");
  if (last?.pattern !== target) last = { pattern: target, matches: compile(target) };
  return last.matches(path);
}

/** One config asks for every layer of a model. */
let last: { readonly pattern: string; readonly matches: (path: string) => boolean } | undefined;

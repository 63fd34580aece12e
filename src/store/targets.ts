/** Which layers are adapted, as people write it: names of the page, names of modules, or a pattern for the whole path. */
import { matchesTarget, type TargetModules } from "../formats/target.ts";
import { TARGETS } from "./config.ts";
import { countLayers } from "./methods.ts";

export type TowerName = "image" | "text";
export const MAX_PATTERN = 300;

/** The page's own names among them; undefined where anything else is in the list, or a pattern. */
export function namesIn(targets: TargetModules): readonly string[] | undefined {
  return typeof targets !== "string" && targets.every((name) => TARGETS.includes(name)) ? targets : undefined;
}

/** "q_proj, v_proj" is a list of modules, anything with more than names in it a pattern. */
export function parseTargets(text: string): TargetModules {
  const parts = text.split(/[\s,]+/).filter(Boolean);
  return parts.every((part) => /^[\w.]+$/.test(part)) ? parts : text.trim();
}

export function writeTargets(targets: TargetModules): string {
  return typeof targets === "string" ? targets : targets.join(", ");
}

/** Why these cannot be targets; undefined where they can. */
export function problemOf(targets: TargetModules): string | undefined {
  try {
    matchesTarget("", targets);
    return undefined;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return message.charAt(0).toUpperCase() + message.slice(1);
  }
}

/** How many layers of one tower they name; 0 while the model is not known. Throws for a pattern that cannot be read. */
export function countTower(model: string, tower: TowerName, targets: TargetModules): number {
  return countLayers(model, tower === "image" ? { image: targets, text: [] } : { image: [], text: targets });
}

/** "q.v" for the page's names, ",q_proj,v_proj" for modules, "~.*_proj" for a pattern. */
export function toAddress(targets: TargetModules): string {
  if (typeof targets === "string") return `~${targets}`;
  return namesIn(targets) ? targets.join(".") : `,${targets.join(",")}`;
}

/** Undefined for what names nothing. `problem`, where something had to be left out. */
export function fromAddress(text: string): { readonly targets?: TargetModules; readonly problem?: string } {
  const tooLong = text.length > MAX_PATTERN + 1;
  if (tooLong) return { problem: "The link's pattern of layers is too long; the usual layers are used." };
  if (text.startsWith("~")) {
    const problem = problemOf(text.slice(1));
    return problem === undefined ? { targets: text.slice(1) } : { problem: `${problem} The usual layers are used.` };
  }
  if (text.startsWith(",")) {
    const modules = text.split(",").filter((name) => /^[\w.]+$/.test(name));
    return modules.length > 0 ? { targets: modules } : { problem: "The link names no layers; the usual ones are used." };
  }
  const asked = new Set(text.split("."));
  const known = TARGETS.filter((target) => asked.has(target));
  const problem = "Layers that this model does not have were left out.";
  return { ...(known.length > 0 && { targets: known }), ...((known.length === 0 || known.length < asked.size) && { problem }) };
}

/** What still stands between the page and an analysis of the run. */
import type { RunState } from "../../store/run.ts";

/** Null when nothing does. */
export function blockedBy({ phase, fault }: Pick<RunState, "phase" | "fault">): string | null {
  if (phase === "idle") return "Start a race first.";
  if (phase === "starting") return "The race is being set up.";
  // A lane that diverged ends the run, but the weights before are still there.
  return phase === "failed" && fault?.kind !== "nan" ? "The run ended with an error: train again." : null;
}

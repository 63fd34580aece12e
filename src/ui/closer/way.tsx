/** The way down to the views of the race: they lie below the steps, where nobody would look for them. */
import { useRace } from "../../store/race.ts";
import { Icon } from "../parts/icon.tsx";

export const PANEL = "closer";
const WORDS = "Look closer: confusions, mistakes, attention, ranks, kept runs";

function lookCloser(): void {
  const panel = document.getElementById(PANEL);
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  panel?.scrollIntoView({ block: "start", behavior: isStill ? "auto" : "smooth" });
  // Who goes on with the keyboard goes on from there.
  panel?.querySelector<HTMLElement>("[role=tab][aria-selected=true]")?.focus({ preventScroll: true });
}

/** At the end of the result, once there is one. */
export function CloserLink() {
  const hasAnswers = useRace(({ answers }) => answers !== null);
  return hasAnswers ? (
    <button type="button" className="look-closer" onClick={lookCloser}>
      {WORDS} <Icon name="down" />
    </button>
  ) : null;
}

/** At the window's lower edge, until one is there. */
export function CloserHint() {
  return (
    <button type="button" className="below" onClick={lookCloser}>
      {WORDS} <Icon name="down" />
    </button>
  );
}

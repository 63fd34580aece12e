/** Whether the methods are kept equal in size, and what that has just changed. */
import { useEffect, useState } from "react";
import { clampLane, laneParameters } from "../../store/config.ts";
import { pacemaker } from "../../store/matching.ts";
import { useSetup } from "../../store/setup.ts";
import type { LaneConfig } from "../../train/run.ts";
import { looksOf, settingText, titleOf } from "../look.ts";
import { plain, short } from "../numbers.ts";
import "./match.css";

export function MatchSwitch() {
  const { match, setMatch } = useSetup();
  return (
    <label
      className="check matching"
      title="Keeps the other methods at the number of parameters nearest to one lane's, as far as the model allows"
    >
      <input type="checkbox" checked={match} onChange={(event) => setMatch(event.target.checked)} />
      <span>
        Match parameters<span aria-hidden="true">: {match ? "on" : "off"}</span>
      </span>
    </label>
  );
}

/** Time to read it, and to reach the button; while the pointer or the focus is on it, it stays. */
const SHOWN_MS = 15_000;

/** What the matching has changed by itself, and the way back. */
export function Moved() {
  const { config, unmatched, undoMatch, dismissMatch } = useSetup();
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (!unmatched || held) return;
    const timer = setTimeout(dismissMatch, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [unmatched, held, dismissMatch]);
  const first = pacemaker(config);
  const names = looksOf(config.lanes).map(({ name }) => name);
  const changes = (unmatched ?? []).flatMap((before, index) => {
    const lane = config.lanes[index];
    const changed = lane && changeOf(before, lane);
    return changed ? [`${names[index]} ${changed}`] : [];
  });
  return (
    <div
      className="moved"
      role="status"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      {unmatched && first && changes.length > 0 && (
        <>
          <span>
            {changes.join(", ")} to match {titleOf(first.method)}'s {short(laneParameters(config, first))}.
          </span>
          <button
            type="button"
            onClick={() => {
              setHeld(false);
              undoMatch();
            }}
          >
            Undo
          </button>
        </>
      )}
    </div>
  );
}

/** "r 2 → 6"; what follows a changed setting, such as α, is left out. */
function changeOf(before: LaneConfig, after: LaneConfig): string {
  const [from, to] = [clampLane(before).settings, clampLane(after).settings];
  const changed = Object.keys(to).filter((name) => from[name] !== to[name]);
  const own = changed.filter((name) => !/alpha/i.test(name));
  return own.map((name) => `${settingText(after.method, name, from[name] ?? 0)} → ${plain(to[name] ?? 0)}`).join(", ");
}

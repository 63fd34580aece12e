/** What the views of the answers share: which lane is looked at, and an image opened by itself. */
import { type ReactNode, useId, useMemo } from "react";
import { useImages } from "../../store/images.ts";
import { type Answered, chooseLane, isRenamed, useAnswered, useLane } from "../../store/inside.ts";
import { type Look, looksOf } from "../look.ts";
import { Swatch } from "../parts/swatch.tsx";
import { Opened } from "./opened.tsx";
import "./inside.css";

interface Props {
  readonly children: (answered: Answered, looks: readonly Look[]) => ReactNode;
}

/** Each run gets a key, so that nothing chosen in one is taken for something of the next. */
const keys = new WeakMap<object, number>();
let lastKey = 0;
export function keyOf(run: object): number {
  const key = keys.get(run) ?? ++lastKey;
  keys.set(run, key);
  return key;
}

export function WithAnswers({ children }: Props) {
  const answered = useAnswered();
  const looks = useMemo(() => looksOf(answered?.lanes.map(({ config }) => config) ?? []), [answered]);
  const now = useImages((images) => images.dataset);
  // The panel opens no view of the answers before there are any.
  if (!answered) return null;
  return (
    <div className="inside" key={keyOf(answered.run)}>
      {isRenamed(answered.dataset, now) && <p className="hint">Classes as they were called when it ran.</p>}
      {children(answered, looks)}
      <Opened looks={looks} />
    </div>
  );
}

/** Index of the lane that is looked at. */
export function useChosenLane(looks: readonly Look[]): number {
  const lane = useLane((state) => state.lane);
  return Math.min(lane, Math.max(0, looks.length - 1));
}

/** The lane that all views look at. */
export function LaneChoice({ looks, value }: { readonly looks: readonly Look[]; readonly value: number }) {
  const name = useId();
  return (
    <fieldset className="lane-choice" aria-label="Lane">
      {looks.map((look, lane) => (
        <label key={look.name} style={{ color: look.color }}>
          <input type="radio" name={name} checked={lane === value} onChange={() => chooseLane(lane)} />
          <Swatch look={look} />
          {look.name}
        </label>
      ))}
    </fieldset>
  );
}

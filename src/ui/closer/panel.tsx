/** Below the three steps: one view at a time of what happened in the race. */
import { Tabs } from "radix-ui";
import { type ComponentType, Suspense, useEffect, useState } from "react";
import { useAnswered } from "../../store/inside.ts";
import { useRace } from "../../store/race.ts";
import type { Phase } from "../../store/run.ts";
import { VIEWS } from "./views.ts";
import "./closer.css";
import { later } from "../parts/later.tsx";

const LAZY: ReadonlyMap<string, ComponentType> = new Map(VIEWS.map(({ id, load }) => [id, later(load)]));

export function Closer() {
  const [open, setOpen] = useState(VIEWS[0]?.id ?? "");
  const answered = useAnswered();
  const phase = useRace((race) => race.phase);
  const view = VIEWS.find(({ id }) => id === open);
  const View = LAZY.get(open);
  useEffect(() => {
    // So that it is here by the time of the first answers.
    if (phase !== "idle") view?.load().catch(() => undefined);
  }, [phase, view]);
  if (!view || !View) return null;
  return (
    <section className="panel closer" aria-labelledby="closer-title">
      <h2 id="closer-title">Look closer</h2>
      <Tabs.Root value={open} onValueChange={setOpen} activationMode="manual">
        <Tabs.List className="tabs" aria-label="Views of the race">
          {VIEWS.map(({ id, title }) => (
            <Tabs.Trigger key={id} value={id} className="tab">
              {title}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        <Tabs.Content value={open} className="panel-body">
          {view.ofAnswers && !answered ? (
            <p className="hint">{waiting(phase)}</p>
          ) : (
            <Suspense fallback={<p role="status">Fetching the view …</p>}>
              <View />
            </Suspense>
          )}
        </Tabs.Content>
      </Tabs.Root>
    </section>
  );
}

function waiting(phase: Phase): string {
  if (phase === "idle") return "Nothing to show yet: train, and the answers come with the first validation.";
  if (phase === "starting" || phase === "training" || phase === "paused") return "The first answers come with the first validation.";
  return "This run has no answers: hold out some images for validation, and train again.";
}

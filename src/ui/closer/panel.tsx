/** Below the three steps: one view at a time of what happened in the race. */
import { Tabs } from "radix-ui";
import { type ComponentType, Suspense, useEffect, useRef } from "react";
import { chooseView, useView } from "../../store/closer.ts";
import { useAnswered } from "../../store/inside.ts";
import { useRace } from "../../store/race.ts";
import type { Phase } from "../../store/run.ts";
import { later } from "../parts/later.tsx";
import { VIEWS } from "./views.ts";
import { PANEL } from "./way.tsx";
import { Which } from "./which.tsx";
import "./closer.css";

const LAZY: ReadonlyMap<string, ComponentType> = new Map(VIEWS.map(({ id, load }) => [id, later(load)]));

export function Closer() {
  const chosen = useView(({ view }) => view);
  const answered = useAnswered();
  const phase = useRace((race) => race.phase);
  const list = useRef<HTMLDivElement>(null);
  // What was remembered may be a view that the page no longer has.
  const view = VIEWS.find(({ id }) => id === chosen) ?? VIEWS[0];
  const open = view?.id ?? "";
  const View = LAZY.get(open);
  useEffect(() => {
    // So that it is here by the time of the first answers.
    if (phase !== "idle") view?.load().catch(() => undefined);
  }, [phase, view]);
  useEffect(() => {
    // On a narrow screen the tabs run on beyond the edge: along their row alone, so that the page stays where it is.
    const tab = list.current?.querySelector<HTMLElement>("[aria-selected=true]");
    if (open && list.current && tab) list.current.scrollLeft = tab.offsetLeft - (list.current.clientWidth - tab.offsetWidth) / 2;
  }, [open]);
  if (!view || !View) return null;
  return (
    <section id={PANEL} className="panel closer" aria-labelledby="closer-title">
      <div className="closer-head">
        <h2 id="closer-title">Look closer</h2>
        <Which ofAnswers={view.ofAnswers === true} />
      </div>
      <Tabs.Root value={open} onValueChange={chooseView}>
        <Tabs.List ref={list} className="tabs" aria-label="Views of the race">
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

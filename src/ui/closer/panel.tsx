/** Below the three steps: one view at a time of what happened in the race. */
import { Tabs } from "radix-ui";
import { type ComponentType, lazy, Suspense, useState } from "react";
import { VIEWS } from "./views.ts";
import "./closer.css";

const LAZY: ReadonlyMap<string, ComponentType> = new Map(VIEWS.map(({ id, load }) => [id, lazy(load)]));

export function Closer() {
  const [open, setOpen] = useState(VIEWS[0]?.id ?? "");
  const View = LAZY.get(open);
  if (!View) return null;
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
          <Suspense fallback={<p role="status">Fetching the view …</p>}>
            <View />
          </Suspense>
        </Tabs.Content>
      </Tabs.Root>
    </section>
  );
}

/** The workbench: all images in sight, classes at the left, and everything that can be done to them. Fetched when it is opened. */
import { Dialog, Tabs } from "radix-ui";
import { useEffect, useState } from "react";
import { choose, move, openBench, useBench } from "../../store/bench.ts";
import { useEdits } from "../../store/edits.ts";
import { useImages } from "../../store/images.ts";
import { openSurvey, useSurvey } from "../../store/survey.ts";
import { count, plural } from "../numbers.ts";
import { Icon } from "../parts/icon.tsx";
import { Balance } from "./balance.tsx";
import { Bin } from "./bin.tsx";
import { ClassTools } from "./classtools.tsx";
import { History } from "./history.tsx";
import { Shelf } from "./shelf.tsx";
import { Side } from "./side.tsx";
import { TakeoutMenu } from "./takeout.tsx";
import { Twins } from "./twins.tsx";

const NOBODY: ReadonlySet<number> = new Set();

export default function Bench() {
  const dataset = useImages((images) => images.dataset);
  const importing = useImages((images) => images.importing);
  const { bin, said } = useEdits();
  const { places, of, problem } = useSurvey();
  const [view, setView] = useState("images");
  const [chosen, setChosen] = useState(NOBODY);
  useEffect(openSurvey, []);
  // The numbers of images mean others after a change.
  const images = dataset?.labels.length ?? 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a change of these lets go of the choice
  useEffect(() => setChosen(NOBODY), [images, view, bin]);
  // A class that was merged, or undone, cannot stay chosen.
  useEffect(() => {
    const { chosen: classes } = useBench.getState();
    const there = [...classes].filter((name) => dataset?.classes.includes(name));
    if (there.length < classes.size) choose(there);
  }, [dataset]);
  const known = of === dataset ? places : null;
  return (
    <Dialog.Root open onOpenChange={openBench}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content
          className="modal bench"
          aria-describedby={undefined}
          onEscapeKeyDown={(event) => {
            // The first press lets go of what is chosen, the second closes.
            if (chosen.size === 0) return;
            event.preventDefault();
            setChosen(NOBODY);
          }}
        >
          <div className="modal-head">
            <Dialog.Title>Work on the images</Dialog.Title>
            <History />
            <TakeoutMenu disabled={images === 0} />
            <Dialog.Close className="quiet" aria-label="Close">
              <Icon name="close" />
            </Dialog.Close>
          </div>
          <div className="bench-body">
            <aside className="bench-side" aria-label="Classes">
              {dataset && (
                <>
                  <Side dataset={dataset} places={known} onTake={(to) => move([...chosen], to)} />
                  <ClassTools dataset={dataset} />
                  <Balance dataset={dataset} places={known} />
                </>
              )}
            </aside>
            <Tabs.Root className="bench-main" value={view} onValueChange={setView} activationMode="manual">
              <Tabs.List className="tabs" aria-label="Which images">
                <Tabs.Trigger className="tab" value="images">
                  Images <span className="hint">{count(images)}</span>
                </Tabs.Trigger>
                <Tabs.Trigger className="tab" value="twins">
                  Near duplicates
                </Tabs.Trigger>
                <Tabs.Trigger className="tab" value="bin">
                  Bin <span className="hint">{count(bin?.labels.length ?? 0)}</span>
                </Tabs.Trigger>
              </Tabs.List>
              <Tabs.Content className="bench-view" value="images">
                {dataset ? (
                  <Shelf dataset={dataset} places={known} chosen={chosen} onChoose={setChosen} />
                ) : (
                  <p className="bench-empty">There are no images. Undo brings back what was here.</p>
                )}
              </Tabs.Content>
              <Tabs.Content className="bench-view" value="twins">
                {dataset && <Twins dataset={dataset} places={known} />}
              </Tabs.Content>
              <Tabs.Content className="bench-view" value="bin">
                <Bin bin={bin} chosen={chosen} onChoose={setChosen} />
              </Tabs.Content>
            </Tabs.Root>
          </div>
          <p className="bench-said" role="status">
            {importing ? `Reading ${importing.name}: ${plural(importing.taken, "image")} taken` : (problem ?? said)}
          </p>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

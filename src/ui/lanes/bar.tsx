/** Who races, on which model, and under which rules. */
import { Popover } from "radix-ui";
import { Suspense, useMemo } from "react";
import { classSizes, countSplit } from "../../data/split.ts";
import { epochsOf, laneParameters, NUMBERS, SEEDS, stepsOf } from "../../store/config.ts";
import { useImages } from "../../store/images.ts";
import { nearness } from "../../store/matching.ts";
import { useModels } from "../../store/models.ts";
import { useSetup } from "../../store/setup.ts";
import { useStudy } from "../../store/studies.ts";
import { looksOf } from "../look.ts";
import { ModelChooser } from "../model/chooser.tsx";
import { Icon } from "../parts/icon.tsx";
import { later } from "../parts/later.tsx";
import { NumberField } from "../parts/number.tsx";
import { AddMethod } from "./add.tsx";
import { ImportAdapter } from "./import.tsx";
import { Lane } from "./lane.tsx";
import { MatchSwitch, Moved } from "./match.tsx";

const Rules = later(() => import("./rules.tsx"));

export function LanesBar() {
  const config = useSetup((setup) => setup.config);
  // Sizes follow from the model, which may be looked up after the settings are there.
  useModels((models) => models.known);
  const looks = looksOf(config.lanes);
  const near = nearness(config);
  return (
    <section className="panel lanes" aria-labelledby="lanes-title">
      <h2 id="lanes-title">Lanes</h2>
      <ul className="chips">
        {config.lanes.map((lane, index) => {
          const look = looks[index];
          const parameters = laneParameters(config, lane);
          return look ? <Lane key={look.name} index={index} lane={lane} look={look} parameters={parameters} near={near[index]} /> : null;
        })}
        <li>
          <AddMethod />
        </li>
        <li>
          <ImportAdapter />
        </li>
      </ul>
      <Moved />
      <MatchSwitch />
      <RunLength />
      <Later />
    </section>
  );
}

function RunLength() {
  const { config, seeds, setNumber, setSeeds } = useSetup();
  const dataset = useImages((images) => images.dataset);
  const sizes = useMemo(() => (dataset ? classSizes(dataset) : []), [dataset]);
  const images = countSplit(sizes, config).train;
  const epochs = Number(epochsOf(config.steps, images, config.batch).toPrecision(3));
  return (
    <div className="numbers-row">
      <ModelChooser />
      <NumberField field={NUMBERS.steps} value={config.steps} onChange={(steps) => setNumber("steps", steps)} />
      {images > 0 && (
        <NumberField
          field={{ label: "Epochs", help: "How often every training image is seen.", default: 10, min: 0.01, max: 10_000, step: 1 }}
          value={epochs}
          onChange={(wanted) => setNumber("steps", stepsOf(wanted, images, config.batch))}
        />
      )}
      <NumberField field={NUMBERS.batch} value={config.batch} onChange={(batch) => setNumber("batch", batch)} />
      <NumberField field={NUMBERS.seed} value={config.seed} onChange={(seed) => setNumber("seed", seed)} />
      <NumberField field={SEEDS} value={seeds} onChange={setSeeds} />
      <Popover.Root>
        <Popover.Trigger className="chip">
          <Icon name="more" /> More
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Content className="popover settings" sideOffset={6} collisionPadding={12} aria-label="More settings">
            <Suspense>
              <Rules />
            </Suspense>
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
    </div>
  );
}

function Later() {
  const config = useSetup((setup) => setup.config);
  const study = useStudy();
  const changed = study !== undefined && study.sweep === null && JSON.stringify(study.config) !== JSON.stringify(config);
  return changed ? <p className="hint later">Changes count from the next run.</p> : null;
}

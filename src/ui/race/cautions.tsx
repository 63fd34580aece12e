/** Warnings before a mistake: all of them beside Train, and each at its field. They never stand in the way. */
import { useMemo } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { classSizes } from "../../data/split.ts";
import { laneParameters } from "../../store/config.ts";
import { useImages } from "../../store/images.ts";
import { sidesOf } from "../../store/methods.ts";
import { useModels } from "../../store/models.ts";
import { useRace } from "../../store/race.ts";
import { useSetup } from "../../store/setup.ts";
import { useSupport } from "../../store/support.ts";
import { estimateMemory, type Warning, warningsOf } from "../../store/warnings.ts";
import type { RunConfig } from "../../train/run.ts";
import { looksOf } from "../look.ts";

function useWarnings(config: RunConfig, dataset: Dataset | null): readonly Warning[] {
  const facts = useModels(({ known }) => known.get(config.model));
  const support = useSupport();
  const classes = useMemo(() => dataset && classSizes(dataset), [dataset]);
  return useMemo(() => {
    const trained = config.lanes.reduce((sum, lane) => sum + laneParameters(config, lane), 0);
    const found = facts && estimateMemory(facts.config, { modelBytes: facts.bytes, batch: config.batch, trained });
    const { deviceMemory = null } = navigator as { readonly deviceMemory?: number };
    // Browsers tell no more than 8 GiB, so that figure is no limit.
    const machine = deviceMemory === null || deviceMemory >= 8 ? null : deviceMemory * 2 ** 30;
    return warningsOf({
      config,
      titles: looksOf(config.lanes).map(({ name }) => name),
      classes,
      sides: sidesOf(config),
      memory: found && support.state === "ready" ? { ...found, limit: support.largest, machine } : null,
    });
  }, [config, classes, facts, support]);
}

const usePlanned = (): readonly Warning[] =>
  useWarnings(
    useSetup((setup) => setup.config),
    useImages((images) => images.dataset),
  );

/** Before a race: while it runs they would come too late, and after it there is no need of what was said before it. */
export function Cautions() {
  const planned = usePlanned();
  const phase = useRace((race) => race.phase);
  const raced = useRace((race) => race.config);
  const images = useRace((race) => race.dataset);
  const config = useSetup((setup) => setup.config);
  const said = useWarnings(raced ?? config, images);
  const warnings = phase === "done" ? planned.filter(({ text }) => !said.some((one) => one.text === text)) : planned;
  if (warnings.length === 0 || phase === "starting" || phase === "training" || phase === "paused") return null;
  return (
    <ul className="cautions" aria-label="Before you train">
      {warnings.map(({ text }) => (
        <li key={text} className="warning">
          {text}
        </li>
      ))}
    </ul>
  );
}

/** What is to be said of one setting, of a lane or of the run. */
export function Caution({ lane, field }: { readonly lane?: number; readonly field: string }) {
  const warnings = usePlanned().filter((warning) => warning.field === field && warning.lane === lane);
  return warnings.map(({ text }) => (
    <p key={text} className="warning" role="status">
      {text}
    </p>
  ));
}

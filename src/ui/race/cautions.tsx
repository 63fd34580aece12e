/** Warnings before a mistake: all of them beside Train, and each at its field. They never stand in the way. */
import { useMemo } from "react";
import { classSizes } from "../../data/split.ts";
import { laneParameters } from "../../store/config.ts";
import { useImages } from "../../store/images.ts";
import { sidesOf } from "../../store/methods.ts";
import { useModels } from "../../store/models.ts";
import { useRace } from "../../store/race.ts";
import { useSetup } from "../../store/setup.ts";
import { useSupport } from "../../store/support.ts";
import { estimateMemory, type Warning, warningsOf } from "../../store/warnings.ts";
import { looksOf } from "../look.ts";

function useWarnings(): readonly Warning[] {
  const config = useSetup((setup) => setup.config);
  const dataset = useImages((images) => images.dataset);
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

/** Before a race: while it runs they would come too late. */
export function Cautions() {
  const warnings = useWarnings();
  const phase = useRace((race) => race.phase);
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
  const warnings = useWarnings().filter((warning) => warning.field === field && warning.lane === lane);
  return warnings.map(({ text }) => (
    <p key={text} className="warning" role="status">
      {text}
    </p>
  ));
}

/** Where the race on the page stands: of its finished seeds, or while there are none of the race that is on. */
import { useMemo } from "react";
import { laneParameters } from "../../store/config.ts";
import { useModels } from "../../store/models.ts";
import { useRace } from "../../store/race.ts";
import { factsOf, resultOf } from "../../store/record.ts";
import { isZeroShot } from "../../store/run.ts";
import { useSetup } from "../../store/setup.ts";
import { useStudy } from "../../store/studies.ts";
import { counted, fieldOf, type Study, studyOf } from "../../store/study.ts";
import { figuresOf, type LaneFigures } from "../../store/studyfigures.ts";

export interface Standing {
  readonly study: Study;
  readonly figures: readonly LaneFigures[];
  readonly before: string;
  readonly seeds: number;
}

export function useStanding(): Standing {
  const planned = useSetup((setup) => setup.config);
  const known = useModels((models) => models.known); // sizes follow from the model
  const begun = useStudy();
  const race = useRace();
  return useMemo(() => {
    const study = begun ?? studyOf(planned, [planned.seed]);
    const field = fieldOf(study);
    const ended = begun ? counted(study) : [];
    const now = begun && race.config && ended.length === 0 ? [resultOf(race, [], field)] : [];
    const results = ended.length > 0 ? ended : now;
    const facts = study.facts.map((fact, lane) => fact ?? factsOf(race, field)[lane] ?? null);
    const figures = figuresOf(results, facts).map((figure, lane) => {
      const config = study.config.lanes[lane];
      return { ...figure, parameters: figure.parameters ?? (config && known ? laneParameters(study.config, config) : null) };
    });
    return {
      study,
      figures,
      before: isZeroShot(study.config) ? "Zero-shot" : "Before",
      seeds: ended.length,
    };
  }, [begun, planned, race, known]);
}

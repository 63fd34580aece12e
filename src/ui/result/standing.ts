/** Where the race on the page stands: of its finished seeds, or while there are none of the race that is on. */
import { useMemo } from "react";
import { laneParameters } from "../../store/config.ts";
import { useModels } from "../../store/models.ts";
import { useRace } from "../../store/race.ts";
import { factsOf, type Measurement, resultOf } from "../../store/record.ts";
import { isZeroShot } from "../../store/run.ts";
import { useSetup } from "../../store/setup.ts";
import { useStudies, useStudy } from "../../store/studies.ts";
import { counted, fieldOf, type Study, studyOf } from "../../store/study.ts";
import { figuresOf, type LaneFigures } from "../../store/studyfigures.ts";

export interface Standing {
  readonly study: Study;
  readonly figures: readonly LaneFigures[];
  readonly before: { readonly name: string; readonly lanes: readonly (number | null)[] };
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
      before: { name: isZeroShot(study.config) ? "Zero-shot" : "Before", lanes: zeroOf(results.at(-1)?.validations ?? [], figures.length) },
      seeds: ended.length,
    };
  }, [begun, planned, race, known]);
}

function zeroOf(validations: readonly Measurement[], lanes: number): readonly (number | null)[] {
  const first = validations.find(({ step }) => step === 0);
  return Array.from({ length: lanes }, (_, lane) => first?.lanes[lane]?.accuracy ?? null);
}

/** How many races are to come to their end, with those that have. */
export function useRaces(): { readonly all: number; readonly done: number } {
  const plan = useStudies((studies) => studies.plan);
  const done = plan.reduce((sum, { results }) => sum + results.length, 0);
  return { all: plan.reduce((sum, { seeds }) => sum + seeds.length, 0), done };
}

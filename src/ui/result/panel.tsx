/** Step 3: who did better, by how much, and whether that means anything. */
import { useMemo } from "react";
import { takeDrop } from "../../store/dropped.ts";
import { useRace } from "../../store/race.ts";
import type { RunState } from "../../store/run.ts";
import { useSetup } from "../../store/setup.ts";
import { hitsOf, judge } from "../../store/verdict.ts";
import { looksOf } from "../look.ts";
import { Badge } from "../parts/badge.tsx";
import { useDrop } from "../parts/drop.tsx";
import { Term } from "../parts/term.tsx";
import { Asking } from "./asking.tsx";
import { Comparison } from "./comparison.tsx";
import { MemoryParts } from "./memory.tsx";

export function ResultPanel() {
  const race = useRace();
  const planned = useSetup((setup) => setup.config.lanes);
  const lanes = race.config?.lanes ?? planned;
  const looks = useMemo(() => looksOf(lanes), [lanes]);
  const names = useMemo(() => looks.map(({ name }) => name), [looks]);
  const drop = useDrop((items) => void takeDrop(items, { ask: true }));
  return (
    <section className="panel result" aria-labelledby="result-title" {...drop}>
      <h2 id="result-title">
        <Badge number={3} /> Result
      </h2>
      <div className="panel-body">
        <Comparison race={race} looks={looks} />
        <Statements race={race} names={names} />
        <MemoryParts memory={race.memory} looks={looks} />
        <Asking looks={looks} />
      </div>
    </section>
  );
}

function Statements({
  race: { answers, split, dataset, phase, step },
  names,
}: {
  readonly race: RunState;
  readonly names: readonly string[];
}) {
  const verdicts = useMemo(() => {
    if (!answers || !split || !dataset) return [];
    return judge(
      answers.lanes.map((lane) => hitsOf(lane.answers, split[answers.part], dataset.labels)),
      names,
    );
  }, [answers, split, dataset, names]);
  const final = phase === "done";
  if (verdicts.length === 0 || step === 0) return null;
  return (
    <div className={`statements ${final ? "final" : ""}`} role="status">
      {verdicts.map(({ statement, onlyFirst, onlyOther, images }, index) => (
        <p key={names[index + 1]}>
          {final ? "" : "So far: "}
          {statement}{" "}
          <Term
            explains={
              <>
                <p>
                  Both saw the same {images} held-out images. {onlyFirst} only {names[0]} got right, {onlyOther} only {names[index + 1]}.
                  The test (McNemar, exact) asks how often chance alone would split them so unevenly.
                </p>
                <p>It speaks of this run on images like these; another seed may end differently.</p>
              </>
            }
          >
            why?
          </Term>
        </p>
      ))}
    </div>
  );
}

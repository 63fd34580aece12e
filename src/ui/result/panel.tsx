/** Step 3: who did better, by how much, and whether that means anything. */
import { useMemo } from "react";
import { takeDrop } from "../../store/dropped.ts";
import { useRace } from "../../store/race.ts";
import { useSetup } from "../../store/setup.ts";
import { judge } from "../../store/verdict.ts";
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
        <Statements hits={race.hits} names={names} final={race.phase === "done"} step={race.step} />
        <MemoryParts memory={race.memory} looks={looks} />
        <Asking looks={looks} />
      </div>
    </section>
  );
}

interface StatementProps {
  readonly hits: readonly Uint8Array[];
  readonly names: readonly string[];
  readonly final: boolean;
  readonly step: number;
}

function Statements({ hits, names, final, step }: StatementProps) {
  const verdicts = useMemo(() => judge(hits, names), [hits, names]);
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

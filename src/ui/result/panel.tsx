/** Step 3: who did better, by how much, and whether that means anything. */
import { useMemo } from "react";
import { takeDrop } from "../../store/dropped.ts";
import { useRace } from "../../store/race.ts";
import { useStudies } from "../../store/studies.ts";
import { CloserLink } from "../closer/way.tsx";
import { looksOf } from "../look.ts";
import { Badge } from "../parts/badge.tsx";
import { useDrop } from "../parts/drop.tsx";
import { Swept } from "../race/swept.tsx";
import { Asking } from "./asking.tsx";
import { Comparison } from "./comparison.tsx";
import { MemoryParts } from "./memory.tsx";
import "./result.css";
import { useStanding } from "./standing.ts";
import { Headline, Statements } from "./statements.tsx";

export function ResultPanel() {
  const memory = useRace((race) => race.memory);
  const raced = useRace((race) => race.config?.lanes);
  const answers = useRace((race) => race.answers?.part);
  const judged = useStudies((studies) => studies.judged);
  const running = useStudies((studies) => studies.running);
  const { study, figures, before, seeds } = useStanding();
  const looks = useMemo(() => looksOf(study.config.lanes), [study.config.lanes]);
  // Those that are in the race now: without lanes that have diverged.
  const racing = useMemo(() => looksOf(raced ?? study.config.lanes), [raced, study.config.lanes]);
  const final = judged !== null && judged.seeds > 0 && !running;
  const drop = useDrop((items) => void takeDrop(items, { ask: true }));
  return (
    <section className="panel result" aria-labelledby="result-title" {...drop}>
      <h2 id="result-title">
        <Badge number={3} /> Result
      </h2>
      <div className="panel-body">
        <Swept />
        {judged && <Headline judged={judged} final={final} looks={looks} />}
        <Comparison
          looks={looks}
          figures={figures}
          judged={judged?.judgement ?? null}
          before={before}
          part={judged?.part ?? answers ?? "validation"}
          seeds={seeds}
        />
        <CloserLink />
        {judged && <Statements judged={judged} looks={looks} />}
        <MemoryParts memory={memory} looks={racing} />
        <Asking looks={racing} />
      </div>
    </section>
  );
}

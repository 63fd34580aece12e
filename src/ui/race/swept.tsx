/** Whose race it is that a sweep has left on the page: the lanes may say something else. */
import { useStudies } from "../../store/studies.ts";
import { describePoint } from "../../store/sweep.ts";
import { titleOf } from "../look.ts";

export function Swept() {
  const { plan, at, running } = useStudies();
  const study = plan[at];
  if (!study?.sweep) return null;
  const methods = [...new Set(study.config.lanes.map(({ method }) => titleOf(method)))].join(", ");
  return (
    <p className="hint">
      {running ? `Value ${at + 1} of ${plan.length} of the sweep` : "The last race of the sweep"}: {methods} {describePoint(study.sweep)}.
    </p>
  );
}

/** Images that were deleted: to look at, and to put back. */
import { useMemo } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { restore } from "../../store/bench.ts";
import { count } from "../numbers.ts";
import { Grid } from "./grid.tsx";

interface Props {
  readonly bin: Dataset | null;
  readonly chosen: ReadonlySet<number>;
  readonly onChoose: (images: ReadonlySet<number>) => void;
}

export function Bin({ bin, chosen, onChoose }: Props) {
  const all = useMemo(() => Array.from(bin?.labels.keys() ?? []), [bin]);
  if (!bin) return <p className="bench-empty">The bin is empty. What you delete lies here until the page is closed.</p>;
  return (
    <>
      <div className="row bench-tools">
        <button type="button" disabled={chosen.size === 0} onClick={() => restore([...chosen])}>
          Restore {chosen.size > 0 ? count(chosen.size) : ""}
        </button>
        <button type="button" onClick={() => restore(all)}>
          Restore all
        </button>
        <span className="hint">Each goes back to the class that it had.</span>
      </div>
      <Grid label="Deleted images" dataset={bin} images={all} places={null} chosen={chosen} onChoose={onChoose} />
    </>
  );
}

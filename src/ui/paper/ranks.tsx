/** The closer view of ranks: over time, and as spectra. */
import { useMemo } from "react";
import { useRace } from "../../store/race.ts";
import { looksOf } from "../look.ts";
import { History } from "./history.tsx";
import { MeanSpectra } from "./spectra.tsx";
import "./paper.css";

export default function RanksView() {
  const lanes = useRace((race) => race.config?.lanes);
  const looks = useMemo(() => looksOf(lanes ?? []), [lanes]);
  if (!lanes) return <p className="hint">Start a race: its ranks appear here as they are measured.</p>;
  return (
    <div className="paper">
      <History looks={looks} />
      <MeanSpectra looks={looks} />
    </div>
  );
}

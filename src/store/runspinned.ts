/** Kept runs that are drawn over the charts of the race. */
import { create } from "zustand";
import type { RunRecord } from "./record.ts";
import { openRun, type RunSummary, refreshRuns, useRuns } from "./runs.ts";
import { counted } from "./study.ts";
import { curvesOf, type LaneCurves } from "./studycurves.ts";

export interface PinnedRun {
  readonly id: string;
  readonly name: string;
  readonly config: RunRecord["config"];
  readonly curves: readonly LaneCurves[];
}

export const usePinned = create<{ readonly runs: readonly PinnedRun[] }>()(() => ({ runs: [] }));

/** Reads the list of kept runs, and the curves of those that are pinned, now and whenever that changes. */
export function followRuns(): void {
  useRuns.subscribe(({ list }, before) => {
    if (list && list !== before.list) void draw(list.filter(({ pinned }) => pinned));
  });
  void refreshRuns();
}

let drawing = 0;

async function draw(pinned: readonly RunSummary[]): Promise<void> {
  const mine = ++drawing;
  const had = new Map(usePinned.getState().runs.map((run) => [run.id, run]));
  const runs = await Promise.all(
    pinned.map(async ({ id, name }) => {
      const known = had.get(id);
      if (known) return { ...known, name };
      const record = await openRun(id).catch(() => undefined);
      return record && { id, name, config: record.config, curves: curvesOf(counted(record), record.config.lanes.length) };
    }),
  );
  // A newer list may have been read in the meantime.
  if (mine === drawing) usePinned.setState({ runs: runs.filter((run) => run !== undefined) });
}

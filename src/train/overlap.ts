/** Which directions the lanes' updates share, layer by layer, at the moment at which their ranks were measured last. */
import type { Analyst, Overlap } from "../analysis/analyst.ts";
import type { Race } from "./race.ts";

export interface LayerOverlap extends Overlap {
  readonly path: string;
  readonly block: number;
  readonly target: string;
  /** Numbers in a left and in a right direction. */
  readonly rows: number;
  readonly cols: number;
}

/** The layers that a lane changes, in the order of the model. Training may go on meanwhile. */
export async function* overlaps(race: Race, analyst: Analyst): AsyncGenerator<{ readonly layer: LayerOverlap; readonly all: number }> {
  const { sites, checkpoint } = race.setup.backbone;
  const changed = sites.filter((site) => race.lanes.some((lane) => lane.changes(site)));
  for (const { path, block, target, in: cols, out: rows } of changed) {
    const deltas: (Float32Array<ArrayBuffer> | null)[] = [];
    for (const lane of race.lanes.keys()) {
      let found: Float32Array<ArrayBuffer> | null = null;
      for await (const { delta } of race.deltas(lane, path)) found = delta;
      deltas.push(found);
    }
    const weight = checkpoint.tensor(`${path}.weight`, [rows, cols]);
    yield { layer: { path, block, target, rows, cols, ...(await analyst.overlap({ rows, cols, weight, deltas })) }, all: changed.length };
  }
}

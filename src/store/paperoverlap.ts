/** Shared directions of the lanes' updates, as far as they were computed. */
import { create } from "zustand";
import type { LayerOverlap } from "../train/overlap.ts";
import { IDLE_TASK, type Task, taskOf } from "./papertask.ts";
import { askRace } from "./race.ts";

interface OverlapState {
  readonly task: Task;
  /** In the order of the model. */
  readonly layers: readonly LayerOverlap[];
  /** The steps whose weights were compared: more than one when training went on meanwhile. */
  readonly steps: readonly number[];
}

export const useOverlap = create<OverlapState>()(() => ({ task: IDLE_TASK, layers: [], steps: [] }));

const tasks = taskOf(
  (task) => useOverlap.setState({ task }),
  () => useOverlap.setState({ layers: [], steps: [] }),
);

export function compareDirections(): void {
  tasks.start(async (signal, progress) => {
    useOverlap.setState({ layers: [], steps: [] });
    const take = ({ layer, step, done, all }: { layer: LayerOverlap; step: number; done: number; all: number }) => {
      useOverlap.setState(({ layers, steps }) => ({ layers: [...layers, layer], steps: steps.includes(step) ? steps : [...steps, step] }));
      progress(done / all);
    };
    await askRace({ type: "overlap" }, { signal, onPart: take });
  });
}

export const stopComparing = () => tasks.stop();

export type Side = "left" | "right";

/** φ(i, j) of members a < b (-1: the frozen weight) in one layer; NaN beyond the directions that they have. */
export function phiOf(layer: LayerOverlap, a: number, b: number, side: Side, i: number, j: number): number {
  const [first, second] = a < b ? [a, b] : [b, a];
  const [rows, columns] = a < b ? [i, j] : [j, i];
  const [m, n] = [layer.counts[first + 1] ?? 0, layer.counts[second + 1] ?? 0];
  if (rows < 1 || columns < 1 || rows > m || columns > n) return Number.NaN;
  const pair = layer.pairs.find((one) => one.a === first && one.b === second);
  return pair?.[side][(rows - 1) * n + columns - 1] ?? Number.NaN;
}

/** Mean over the layers that have as many directions; NaN where none has. */
export function meanPhi(layers: readonly LayerOverlap[], a: number, b: number, side: Side, i: number, j: number): number {
  return mean(layers.map((layer) => phiOf(layer, a, b, side, i, j)));
}

/** All of φ's means at once: (rows, columns), as many as the layer with the most directions has; NaN where none has both. */
export function phiMap(layers: readonly LayerOverlap[], a: number, b: number, side: Side) {
  const most = (member: number) => Math.max(0, ...layers.map(({ counts }) => counts[member + 1] ?? 0));
  const [rows, columns] = [most(a), most(b)];
  const sums = new Float64Array(rows * columns);
  const known = new Uint16Array(rows * columns);
  for (const layer of layers) {
    const pair = layer.pairs.find((one) => one.a === Math.min(a, b) && one.b === Math.max(a, b))?.[side];
    const [m, n] = [layer.counts[a + 1] ?? 0, layer.counts[b + 1] ?? 0];
    for (let i = 0; pair && i < m; i++) {
      for (let j = 0; j < n; j++) {
        const at = i * columns + j;
        sums[at] = (sums[at] ?? 0) + (pair[a < b ? i * n + j : j * m + i] ?? Number.NaN);
        known[at] = (known[at] ?? 0) + 1;
      }
    }
  }
  return { rows, columns, values: sums.map((sum, at) => sum / (known[at] ?? 0)) };
}

/** What two sets of directions at random share on average. */
export const chanceOf = (layers: readonly LayerOverlap[], side: Side, i: number, j: number): number =>
  mean(layers.map(({ rows, cols }) => Math.max(i, j) / (side === "left" ? rows : cols)));

export const meanAmplification = (layers: readonly LayerOverlap[], lane: number, k: number): number =>
  mean(layers.map(({ amplifications }) => amplifications[lane]?.[k - 1] ?? Number.NaN));

function mean(values: readonly number[]): number {
  const known = values.filter(Number.isFinite);
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

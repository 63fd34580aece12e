/** The loss surface through three lanes: what was measured so far, and what is still to be. It goes on while its view is closed. */
import { create } from "zustand";
import { coarseFirst, type Net, netAround, type Shares, sharesAt } from "../analysis/plane.ts";
import type { Height, Vertices } from "../train/landscape.ts";
import type { PlaneFacts } from "../train/protocol.ts";
import type { LaneConfig } from "../train/run.ts";
import { isHeights, keepSurface, recallSurface } from "./papersurface.ts";
import { IDLE_TASK, type Task, taskOf } from "./papertask.ts";
import { askRace, useRace } from "./race.ts";

export interface Surface {
  readonly vertices: Vertices;
  /** The lanes of the run that it belongs to. */
  readonly lanes: readonly LaneConfig[];
  readonly plane: PlaneFacts;
  /** The step whose weights these are. */
  readonly step: number;
  readonly net: Net;
  /** By index of the net: row · columns + column, from the lowest row. Null: not measured yet. */
  readonly heights: readonly (Height | null)[];
  /** The three vertices, and W₀ itself, which need not lie on the plane. */
  readonly corners: readonly (Height | null)[];
  /** From A to B, B to C and C to A: `BETWEEN` places on each way. */
  readonly ways: readonly (readonly (Height | null)[])[];
}

interface PlaneState {
  readonly task: Task;
  readonly surface: Surface | null;
  /** It was measured before the page was loaded anew: its weights are gone. */
  readonly recalled: boolean;
}

/** Places on the way between two vertices, without its ends. */
export const BETWEEN = 15;
const WAYS = [
  [0, 1],
  [1, 2],
  [2, 0],
] as const;

const kept = recallSurface();
export const usePlane = create<PlaneState>()(() => ({ task: IDLE_TASK, surface: kept, recalled: kept !== null }));

if (typeof window !== "undefined") window.addEventListener("pagehide", () => keepSurface(usePlane.getState().surface));

/** Id of the engine's plane, while it has it. */
let open: number | undefined;
const tasks = taskOf(
  (task) => usePlane.setState({ task }),
  () => {
    open = undefined;
    usePlane.setState({ surface: null, recalled: false });
    keepSurface(null);
  },
);

/** Goes on with the surface of these vertices where it stopped, or takes their weights and begins. */
export function measurePlane(vertices: Vertices, anew = false): void {
  const { lanes } = useRace.getState().config ?? {};
  if (!lanes) return;
  tasks.start(async (signal, progress) => {
    const known = usePlane.getState().surface;
    const goesOn = !anew && open !== undefined && known?.vertices.join() === vertices.join();
    if (!goesOn) {
      open = undefined;
      usePlane.setState({ surface: null, recalled: false });
      const { id, plane, step } = await askRace({ type: "plane", vertices }, { signal });
      open = id;
      usePlane.setState({ surface: blank(vertices, lanes, plane, step) });
    }
    await measure(signal, progress);
  });
}

export const stopPlane = () => tasks.stop();

function blank(vertices: Vertices, lanes: readonly LaneConfig[], plane: PlaneFacts, step: number): Surface {
  const net = plane.flat ? { left: 0, low: 0, step: 1, columns: 0, rows: 0 } : netAround(plane);
  const none = (count: number) => Array.from({ length: count }, () => null);
  return {
    vertices,
    lanes,
    plane,
    step,
    net,
    heights: none(net.columns * net.rows),
    corners: none(4),
    ways: WAYS.map(() => none(BETWEEN)),
  };
}

/** One place that is to be measured, and where its height goes. */
interface Place {
  readonly shares: Shares;
  put(surface: Surface, height: Height): Surface;
}

async function measure(signal: AbortSignal, progress: (share: number) => void): Promise<void> {
  const { surface } = usePlane.getState();
  if (!surface || open === undefined) return;
  const places = missing(surface);
  const all = 4 + WAYS.length * BETWEEN + surface.heights.length;
  let waiting: (readonly [Place, Height])[] = [];
  let shown = 0;
  // Dozens of places a second need not be drawn one by one.
  const show = () => {
    const batch = waiting;
    waiting = [];
    shown = performance.now();
    usePlane.setState(({ surface: now }) => ({ surface: now && batch.reduce((next, [place, height]) => place.put(next, height), now) }));
  };
  const take = ({ height, done }: { readonly height: Height; readonly done: number }) => {
    const place = places[done - 1];
    if (place) waiting.push([place, height]);
    if (performance.now() - shown > SHOW_MS) show();
    progress((all - places.length + done) / all);
  };
  try {
    if (places.length > 0)
      await askRace({ type: "heights", plane: open, shares: places.map(({ shares }) => shares) }, { signal, onPart: take });
  } finally {
    show();
    keepSurface(usePlane.getState().surface);
  }
}

const SHOW_MS = 400;

/** In the order in which they are worth seeing: corners, a coarse surface, the ways between, the rest of the surface. */
function missing({ plane, net, heights, corners, ways }: Surface): Place[] {
  const mix = (from: number, to: number, share: number): Shares =>
    [0, 1, 2].map((at) => (at === from ? 1 - share : 0) + (at === to ? share : 0)) as unknown as Shares;
  const atCorners = corners.flatMap((height, at): Place[] =>
    height ? [] : [{ shares: at < 3 ? mix(at, at, 0) : [0, 0, 0], put: (to, found) => ({ ...to, corners: to.corners.with(at, found) }) }],
  );
  const onWays = ways.flatMap((way, w) =>
    way.flatMap((height, at): Place[] => {
      const [from, to] = WAYS[w] as (typeof WAYS)[number];
      const put = (on: Surface, found: Height) => ({ ...on, ways: on.ways.with(w, (on.ways[w] ?? []).with(at, found)) });
      return height ? [] : [{ shares: mix(from, to, (at + 1) / (BETWEEN + 1)), put }];
    }),
  );
  const order = coarseFirst(net);
  const onNet = order.flatMap((index): Place[] =>
    heights[index]
      ? []
      : [
          {
            shares: sharesAt(plane, [net.left + net.step * (index % net.columns), net.low + net.step * Math.floor(index / net.columns)]),
            put: (to, found) => ({ ...to, heights: to.heights.with(index, found) }),
          },
        ],
  );
  const coarse = onNet.splice(0, Math.max(0, COARSE - (order.length - onNet.length)));
  return [...atCorners, ...coarse, ...onWays, ...onNet];
}

/** Places of the two coarsest passes, about. */
const COARSE = 49;

/** What the heights of a surface's ends and ways are together: from A over B and C back to A. */
export function profileOf({
  corners,
  ways,
}: Pick<Surface, "corners" | "ways">): readonly { readonly at: number; readonly height: Height | null }[] {
  const heights = [0, 1, 2].flatMap((way) => [corners[way] ?? null, ...(ways[way] ?? [])]).concat(corners[0] ?? null);
  return heights.map((height, index) => ({ at: index / (BETWEEN + 1), height }));
}

export const measuredCount = (surface: Surface): number =>
  [...surface.heights, ...surface.corners, ...surface.ways.flat()].filter(isHeights).length;
export const placesOf = (surface: Surface): number => surface.heights.length + 4 + WAYS.length * BETWEEN;

/** Sizes of lanes: what a new one begins with on a model, and several kept equal. */
import type { LaneConfig, RunConfig } from "../train/run.ts";
import { clampLane, keepStrength, laneParameters, RATE } from "./config.ts";
import { completeSettings, countParameters, findMethod, matchSettings, sidesOf, type Whole } from "./methods.ts";

/** More than any model has. */
const ANY = Number.MAX_SAFE_INTEGER;

/**
 * The lane whose size the others are given: the first whose method has a choice of sizes that the others can have too. VeRA at its
 * largest is about as small as LoRA at its smallest, and would leave them nothing.
 */
export function pacemaker(config: RunConfig): LaneConfig | undefined {
  const sized = config.lanes.filter(({ method }) => findMethod(method)?.sized);
  const sizeAt = (lane: LaneConfig, budget: number): number =>
    lane.adapter === undefined
      ? countParameters(config, lane.method, matchSettings(config, lane.method, lane.settings, budget))
      : laneParameters(config, lane);
  const follows = (lane: LaneConfig, first: LaneConfig) => lane.adapter === undefined && lane.method !== first.method;
  return (
    sized.find((first) => {
      const most = sizeAt(first, ANY);
      return sized.every((lane) => !follows(lane, first) || most >= 2 * sizeAt(lane, 0));
    }) ?? sized[0]
  );
}

/** Gives every lane of another method about as many parameters as the pacemaker has, as near as its layers allow. */
export function matchLanes(config: RunConfig): RunConfig {
  const first = pacemaker(config);
  const budget = first ? laneParameters(config, first) : 0;
  if (!first || budget === 0) return config;
  const lanes = config.lanes.map((lane) =>
    lane.method === first.method || lane.adapter !== undefined
      ? lane
      : { ...lane, settings: matchSettings(config, lane.method, lane.settings, budget) },
  );
  return { ...config, lanes };
}

/**
 * A method as it is added: by its defaults, with ranks of at most half the smallest layer's side. Past that LoRA has more numbers than
 * the layer itself.
 */
export function freshLane(whole: Whole, id: string): LaneConfig {
  const method = findMethod(id);
  const settings = completeSettings(id, {});
  const lane: LaneConfig = { method: id, settings, lr: method?.defaultLr ?? RATE.default };
  const most = Math.max(1, Math.floor((sidesOf(whole)?.least ?? ANY) / 2));
  const ranks = Object.entries(settings).filter(([name, value]) => /rank/i.test(name) && value > most);
  if (ranks.length === 0) return lane;
  return { ...lane, settings: { ...settings, ...keepStrength(lane, Object.fromEntries(ranks.map(([name]) => [name, most]))) } };
}

/** Lanes that nobody has changed since they were added, on the model of `before`, as this model wants them. */
export function freshen(config: RunConfig, before: RunConfig): RunConfig {
  const same = (a: LaneConfig, b: LaneConfig): boolean => JSON.stringify(clampLane(a)) === JSON.stringify(clampLane(b));
  const unknown = { ...before, model: "" };
  const lanes = config.lanes.map((lane) => {
    const fresh = freshLane(config, lane.method);
    const untouched = [before, unknown].some((whole) => same(lane, freshLane(whole, lane.method)));
    return untouched && !same(lane, fresh) ? fresh : lane;
  });
  return lanes.every((lane, index) => lane === config.lanes[index]) ? config : { ...config, lanes };
}

/** How near a lane comes to the lane that sets the size. */
export type Nearness =
  /** It is the one that sets it. */
  | { readonly kind: "first" }
  /** Its size is what it is: by its method, or because it was imported. `ratio`: its size over the first's. */
  | { readonly kind: "fixed"; readonly ratio: number }
  | { readonly kind: "near"; readonly ratio: number };

/** Per lane; undefined where there is nothing to compare. */
export function nearness(config: RunConfig): readonly (Nearness | undefined)[] {
  const first = pacemaker(config);
  const budget = first ? laneParameters(config, first) : 0;
  return config.lanes.map((lane) => {
    if (lane === first) return { kind: "first" };
    const size = laneParameters(config, lane);
    if (budget === 0) return undefined;
    const fixed = lane.adapter !== undefined || !findMethod(lane.method)?.sized;
    return { kind: fixed ? "fixed" : "near", ratio: size / budget };
  });
}

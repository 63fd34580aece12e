/** The run being set up, mirrored to the URL's hash so that a reload or a shared link brings it back. */
import { create } from "zustand";
import type { Amount } from "../data/split.ts";
import type { TargetModules } from "../formats/target.ts";
import type { Augment } from "../train/augment.ts";
import type { LaneConfig, RunConfig } from "../train/run.ts";
import { type Address, readAddress, writeAddress } from "./address.ts";
import { arrive, keepAddress } from "./arrival.ts";
import {
  AUGMENTS,
  clampLane,
  clampTo,
  DEFAULTS,
  isSuggested,
  keepStrength,
  MAX_LANES,
  MAX_TEMPLATE,
  NUMBERS,
  type NumberName,
  promptOf,
  SEEDS,
  TARGETS,
} from "./config.ts";
import { freshen, freshLane, matchLanes } from "./matching.ts";
import { findMethod } from "./methods.ts";
import { isLab } from "./place.ts";
import { remember, remembered } from "./remembered.ts";
import type { Sweep } from "./sweep.ts";
import { namesIn, type TowerName } from "./targets.ts";

interface Setup extends Address {
  readonly notices: readonly string[];
  /** The lanes as the person left them, since the matching has changed some; null where there is nothing to tell. */
  readonly unmatched: readonly LaneConfig[] | null;
  setNumber(name: NumberName, value: number): void;
  setAugment(name: keyof Augment, value: number): void;
  setAmount(amount: Amount): void;
  setBalance(balance: boolean): void;
  setTemplate(template: string): void;
  /** Other images are here, a sample set or a person's own: a prompt that nobody typed gives way to theirs. */
  suggestPrompt(sample: string | null): void;
  setHead(kind: "text" | "linear"): void;
  setPrecision(precision: RunConfig["precision"]): void;
  /** A model with a text tower or without; without one the head is linear. */
  setModel(model: string, has: { readonly text: boolean }, had: { readonly text: boolean }): void;
  /** The chosen model is known now: lanes that nobody has changed fit its layers. */
  fitLanes(): void;
  toggleTarget(tower: TowerName, target: string): void;
  /** They must be readable; the image tower needs one at least. */
  setTargets(tower: TowerName, targets: TargetModules): void;
  addLane(method: string): void;
  /** In place of a lane, or after the last one. */
  placeLane(lane: LaneConfig, index?: number): void;
  removeLane(index: number): void;
  setLane(index: number, change: { readonly settings?: LaneConfig["settings"]; readonly lr?: number }): void;
  setMatch(match: boolean): void;
  /** The lanes as they were before the matching, which lets go. */
  undoMatch(): void;
  dismissMatch(): void;
  setSample(sample: string | null): void;
  setSeeds(seeds: number): void;
  setSweep(sweep: Sweep | null): void;
  dismissNotices(): void;
}

const initial: Address = { config: DEFAULTS, match: true, sample: null, seeds: SEEDS.default, sweep: null };
/** Kept while the linear head is chosen, so that switching back loses nothing. */
let lastTemplate = DEFAULTS.head.kind === "text" ? DEFAULTS.head.template : "";

/** What the matching makes of an edit, and what it changed by itself; of several in a row all that they changed. */
function matched(edited: RunConfig, { config, unmatched }: Pick<Setup, "config" | "unmatched">): Pick<Setup, "config" | "unmatched"> {
  const next = matchLanes(edited);
  const given = edited.lanes.map((lane, index) => (lane === config.lanes[index] ? (unmatched?.[index] ?? lane) : lane));
  const [now, before] = [edited.lanes.length, config.lanes.length];
  // A lane that was just added had no size of its own yet.
  const left = now === before ? given : edited.lanes.map((lane, index) => (index < before ? lane : (next.lanes[index] ?? lane)));
  const text = (lanes: readonly LaneConfig[]) => JSON.stringify(lanes.map(clampLane));
  return { config: next, unmatched: text(left) === text(next.lanes) ? null : left };
}

export const useSetup = create<Setup>()((set, get) => {
  const change = (edit: (config: RunConfig) => RunConfig) =>
    set((setup) => (setup.match ? matched(edit(setup.config), setup) : { config: edit(setup.config), unmatched: null }));
  return {
    ...initial,
    notices: [],
    unmatched: null,
    setNumber(name, value) {
      const clamped = clampTo(NUMBERS[name], value);
      if (clamped !== undefined) set(({ config }) => ({ config: { ...config, [name]: clamped } }));
    },
    setAugment(name, value) {
      const clamped = clampTo(AUGMENTS[name], value);
      if (clamped !== undefined) set(({ config }) => ({ config: { ...config, augment: { ...config.augment, [name]: clamped } } }));
    },
    setAmount: (amount) => set(({ config }) => ({ config: { ...config, amount } })),
    setBalance: (balance) => set(({ config }) => ({ config: { ...config, balance } })),
    setTemplate(template) {
      lastTemplate = template.slice(0, MAX_TEMPLATE);
      set(({ config }) => (config.head.kind === "text" ? { config: withHead(config, "text") } : {}));
    },
    suggestPrompt(sample) {
      if (isSuggested(lastTemplate)) get().setTemplate(promptOf(sample));
    },
    setHead: (kind) => change((config) => withHead(config, kind)),
    setPrecision: (precision) => set(({ config }) => ({ config: { ...config, precision } })),
    setModel(model, has, had) {
      // Where a linear head was the only choice, it was none.
      const kind = (head: RunConfig["head"]) => (!has.text ? "linear" : had.text ? head.kind : "text");
      change((config) => freshen(withHead({ ...config, model }, kind(config.head)), config));
    },
    fitLanes() {
      const { config, match } = get();
      const fitting = freshen(config, config);
      if (fitting !== config) set({ config: match ? matchLanes(fitting) : fitting });
    },
    toggleTarget(tower, target) {
      const names = namesIn(get().config.targets[tower]) ?? [];
      get().setTargets(
        tower,
        TARGETS.filter((known) => names.includes(known) !== (known === target)),
      );
    },
    setTargets(tower, targets) {
      if (tower === "image" && targets.length === 0) return;
      change((config) => ({ ...config, targets: { ...config.targets, [tower]: targets } }));
    },
    addLane(id) {
      if (!findMethod(id)) return;
      change((config) => (config.lanes.length < MAX_LANES ? { ...config, lanes: [...config.lanes, freshLane(config, id)] } : config));
    },
    placeLane(lane, index) {
      change((config) => {
        const at = index ?? config.lanes.length;
        return at < MAX_LANES ? { ...config, lanes: [...config.lanes.slice(0, at), lane, ...config.lanes.slice(at + 1)] } : config;
      });
    },
    removeLane(index) {
      change((config) => ({ ...config, lanes: config.lanes.filter((_, lane) => lane !== index) }));
    },
    setLane(index, { settings, lr }) {
      const edit = (config: RunConfig): RunConfig => ({
        ...config,
        lanes: config.lanes.map((lane, at) =>
          at === index ? clampLane({ ...lane, settings: { ...lane.settings, ...keepStrength(lane, settings) }, lr: lr ?? lane.lr }) : lane,
        ),
      });
      set((setup) => {
        const edited = edit(setup.config);
        const free = { config: edited, unmatched: null };
        const next = setup.match ? matched(edited, setup) : free;
        // Who sets a matched lane by hand wants that number, so the matching lets go.
        const wanted = edited.lanes[index]?.settings;
        const kept = Object.keys(settings ?? {}).every((name) => next.config.lanes[index]?.settings[name] === wanted?.[name]);
        return kept ? next : { ...free, match: false };
      });
    },
    setMatch(match) {
      set((setup) => ({ match, ...(match ? matched(setup.config, { ...setup, unmatched: null }) : { unmatched: null }) }));
    },
    undoMatch() {
      set(({ config, unmatched }) => (unmatched ? { config: { ...config, lanes: unmatched }, match: false, unmatched: null } : {}));
    },
    dismissMatch: () => set({ unmatched: null }),
    setSample: (sample) => set({ sample }),
    setSeeds(seeds) {
      set({ seeds: clampTo(SEEDS, seeds) ?? SEEDS.default });
    },
    setSweep: (sweep) => set({ sweep }),
    dismissNotices: () => set({ notices: [] }),
  };
});

/** A linear head leaves the text tower out of the model. */
function withHead(config: RunConfig, kind: RunConfig["head"]["kind"]): RunConfig {
  if (kind === "text") return { ...config, head: { kind, template: lastTemplate } };
  return { ...config, head: { kind }, targets: { ...config.targets, text: [] } };
}

/**
 * Reads the hash, keeps it up to date, and follows a hash that is typed or pasted. While it names the lab it is the lab's. A page that
 * is opened without one finds the setup that was there last.
 */
export function mirrorAddress(target: Window): void {
  let written = "";
  const show = (address: ReturnType<typeof readAddress>) => {
    lastTemplate = address.config.head.kind === "text" ? address.config.head.template : promptOf(address.sample);
    useSetup.setState({ ...address, unmatched: null });
  };
  const write = (state: Address) => {
    const next = writeAddress(state);
    if (next === written || isLab(target.location.hash)) return;
    written = next;
    keepAddress(next);
    remember(next);
    target.history.replaceState(null, "", next ? `#${next}` : target.location.pathname + target.location.search);
  };
  const follow = (hash: string) => {
    const address = readAddress(hash);
    arrive(hash, address); // before the page writes what it makes of it
    show(address);
    remember(hash);
  };
  const given = bare(target.location.hash);
  if (given && !isLab(given)) {
    follow(given);
  } else {
    // What was kept by an older version may hold what this one cannot read: nobody asked for it, so nothing is said.
    show({ ...readAddress(remembered()), notices: [] });
    write(useSetup.getState());
  }
  target.addEventListener("hashchange", () => {
    const hash = bare(target.location.hash);
    if (hash === written || isLab(hash)) return;
    follow(hash);
    useSetup.getState().fitLanes();
  });
  useSetup.subscribe(write);
}

const bare = (hash: string): string => hash.replace(/^#/, "");

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
  keepStrength,
  MAX_LANES,
  MAX_TEMPLATE,
  matchLanes,
  NUMBERS,
  type NumberName,
  SEEDS,
  TARGETS,
} from "./config.ts";
import { completeSettings, findMethod } from "./methods.ts";
import { isLab } from "./place.ts";
import type { Sweep } from "./sweep.ts";
import { namesIn, type TowerName } from "./targets.ts";

interface Setup extends Address {
  readonly notices: readonly string[];
  setNumber(name: NumberName, value: number): void;
  setAugment(name: keyof Augment, value: number): void;
  setAmount(amount: Amount): void;
  setBalance(balance: boolean): void;
  setTemplate(template: string): void;
  setHead(kind: "text" | "linear"): void;
  setPrecision(precision: RunConfig["precision"]): void;
  /** A model with a text tower or without; without one the head is linear. */
  setModel(model: string, has: { readonly text: boolean }, had: { readonly text: boolean }): void;
  toggleTarget(tower: TowerName, target: string): void;
  /** They must be readable; the image tower needs one at least. */
  setTargets(tower: TowerName, targets: TargetModules): void;
  addLane(method: string): void;
  /** In place of a lane, or after the last one. */
  placeLane(lane: LaneConfig, index?: number): void;
  removeLane(index: number): void;
  setLane(index: number, change: { readonly settings?: LaneConfig["settings"]; readonly lr?: number }): void;
  setMatch(match: boolean): void;
  setSample(sample: string | null): void;
  setSeeds(seeds: number): void;
  setSweep(sweep: Sweep | null): void;
  dismissNotices(): void;
}

const initial: Address = { config: DEFAULTS, match: true, sample: null, seeds: SEEDS.default, sweep: null };
/** Kept while the linear head is chosen, so that switching back loses nothing. */
let lastTemplate = DEFAULTS.head.kind === "text" ? DEFAULTS.head.template : "";

export const useSetup = create<Setup>()((set, get) => {
  const change = (edit: (config: RunConfig) => RunConfig) =>
    set(({ config, match }) => ({ config: match ? matchLanes(edit(config)) : edit(config) }));
  return {
    ...initial,
    notices: [],
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
    setHead: (kind) => change((config) => withHead(config, kind)),
    setPrecision: (precision) => set(({ config }) => ({ config: { ...config, precision } })),
    setModel(model, has, had) {
      // Where a linear head was the only choice, it was none.
      const kind = (head: RunConfig["head"]) => (!has.text ? "linear" : had.text ? head.kind : "text");
      change((config) => withHead({ ...config, model }, kind(config.head)));
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
      const method = findMethod(id);
      if (!method) return;
      const lane = { method: id, settings: completeSettings(id, {}), lr: method.defaultLr };
      change((config) => (config.lanes.length < MAX_LANES ? { ...config, lanes: [...config.lanes, lane] } : config));
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
      set(({ config, match }) => {
        const edited = edit(config);
        const matched = match ? matchLanes(edited) : edited;
        // Who sets a matched lane by hand wants that number, so the matching lets go.
        const wanted = edited.lanes[index]?.settings;
        const kept = Object.keys(settings ?? {}).every((name) => matched.lanes[index]?.settings[name] === wanted?.[name]);
        return kept ? { config: matched } : { config: edited, match: false };
      });
    },
    setMatch(match) {
      set(({ config }) => ({ match, config: match ? matchLanes(config) : config }));
    },
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

/** Reads the hash, keeps it up to date, and follows a hash that is typed or pasted. While it names the lab it is the lab's. */
export function mirrorAddress(target: Window): void {
  let written = "";
  const read = () => {
    const hash = target.location.hash.replace(/^#/, "");
    if (hash === written || isLab(hash)) return;
    const { notices, ...address } = readAddress(hash);
    if (address.config.head.kind === "text") lastTemplate = address.config.head.template;
    useSetup.setState({ ...address, notices });
    arrive(hash, address);
  };
  read();
  target.addEventListener("hashchange", read);
  useSetup.subscribe((state) => {
    const next = writeAddress(state);
    if (next === written || isLab(target.location.hash)) return;
    written = next;
    keepAddress(next);
    target.history.replaceState(null, "", next ? `#${next}` : target.location.pathname + target.location.search);
  });
}

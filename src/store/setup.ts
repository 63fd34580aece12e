/** The run being set up, mirrored to the URL's hash so that a reload or a shared link brings it back. */
import { create } from "zustand";
import type { LaneConfig, RunConfig } from "../train/run.ts";
import { type Address, readAddress, writeAddress } from "./address.ts";
import { clampLane, clampTo, DEFAULTS, MAX_LANES, MAX_TEMPLATE, matchLanes, NUMBERS, type NumberName, TARGETS } from "./config.ts";
import { completeSettings, findMethod } from "./methods.ts";

interface Setup extends Address {
  readonly notices: readonly string[];
  setNumber(name: NumberName, value: number): void;
  setTemplate(template: string): void;
  setHead(kind: "text" | "linear"): void;
  toggleTarget(target: string): void;
  addLane(method: string): void;
  removeLane(index: number): void;
  setLane(index: number, change: { readonly settings?: LaneConfig["settings"]; readonly lr?: number }): void;
  setMatch(match: boolean): void;
  setSample(sample: string | null): void;
  dismissNotices(): void;
}

const initial: Address = { config: DEFAULTS, match: true, sample: null };
/** Kept while the linear head is chosen, so that switching back loses nothing. */
let lastTemplate = DEFAULTS.head.kind === "text" ? DEFAULTS.head.template : "";

export const useSetup = create<Setup>()((set) => {
  const change = (edit: (config: RunConfig) => RunConfig) =>
    set(({ config, match }) => ({ config: match ? matchLanes(edit(config)) : edit(config) }));
  return {
    ...initial,
    notices: [],
    setNumber(name, value) {
      const clamped = clampTo(NUMBERS[name], value);
      if (clamped !== undefined) set(({ config }) => ({ config: { ...config, [name]: clamped } }));
    },
    setTemplate(template) {
      lastTemplate = template.slice(0, MAX_TEMPLATE);
      set(({ config }) => ({ config: { ...config, head: { kind: "text", template: lastTemplate } } }));
    },
    setHead(kind) {
      const head: RunConfig["head"] = kind === "text" ? { kind, template: lastTemplate } : { kind };
      set(({ config }) => ({ config: { ...config, head } }));
    },
    toggleTarget(target) {
      change((config) => {
        const targets = TARGETS.filter((known) => config.targets.includes(known) !== (known === target));
        return targets.length > 0 ? { ...config, targets } : config;
      });
    },
    addLane(id) {
      const method = findMethod(id);
      if (!method) return;
      const lane = { method: id, settings: completeSettings(id, {}), lr: method.defaultLr };
      change((config) => (config.lanes.length < MAX_LANES ? { ...config, lanes: [...config.lanes, lane] } : config));
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
    dismissNotices: () => set({ notices: [] }),
  };
});

/** A new rank keeps α / r, the factor of the update, unless α is set as well: else a smaller r would make training diverge. */
function keepStrength({ settings: before }: LaneConfig, settings: LaneConfig["settings"] = {}): LaneConfig["settings"] {
  const { rank, alpha } = before;
  if (settings.rank === undefined || settings.alpha !== undefined || !rank || !alpha) return settings;
  return { ...settings, alpha: (alpha * settings.rank) / rank };
}

/** Reads the hash, keeps it up to date, and follows a hash that is typed or pasted. */
export function mirrorAddress(target: Window): void {
  let written = "";
  const read = () => {
    const hash = target.location.hash.replace(/^#/, "");
    if (hash === written) return;
    const { notices, ...address } = readAddress(hash);
    if (address.config.head.kind === "text") lastTemplate = address.config.head.template;
    useSetup.setState({ ...address, notices });
  };
  read();
  target.addEventListener("hashchange", read);
  useSetup.subscribe((state) => {
    const next = writeAddress(state);
    if (next === written) return;
    written = next;
    target.history.replaceState(null, "", next ? `#${next}` : target.location.pathname + target.location.search);
  });
}

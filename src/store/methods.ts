/** What the page knows of the methods: titles, settings and parameter counts. The engine's registry is loaded once, before the first render. */
import type { Fields, SiteShape } from "../adapters/adapter.ts";

export type Settings = Readonly<Record<string, number>>;

export interface Method {
  readonly id: string;
  readonly title: string;
  /** Where it was published, for people. */
  readonly paper: string;
  readonly fields: Fields;
  readonly defaultLr: number;
  parameters(sites: readonly SiteShape[], settings: Settings): number;
}

export interface Registry {
  readonly methods: readonly Method[];
  /** The settings whose parameter count is nearest to `budget`. */
  matchParameters(method: string, settings: Settings, sites: readonly SiteShape[], budget: number): Settings;
  /** The frozen layers of a model that the targets name. */
  targetSites(model: string, targets: readonly string[]): readonly SiteShape[];
}

const loaders = import.meta.glob<Registry>("../adapters/registry.ts");

let registry: Registry = {
  methods: [],
  matchParameters: (_method, settings) => settings,
  targetSites: () => [],
};

export function setRegistry(next: Registry): void {
  registry = next;
}

export async function loadRegistry(): Promise<void> {
  const load = Object.values(loaders)[0];
  if (load) registry = await load();
}

export function listMethods(): readonly Method[] {
  return registry.methods;
}

export function findMethod(id: string): Method | undefined {
  return registry.methods.find((method) => method.id === id);
}

/** Every field of the method, absent ones by their default. */
export function completeSettings(id: string, settings: Settings): Settings {
  const fields = Object.entries(findMethod(id)?.fields ?? {});
  return { ...Object.fromEntries(fields.map(([name, field]) => [name, field.default])), ...settings };
}

export function countParameters(model: string, targets: readonly string[], method: string, settings: Settings): number {
  const sites = registry.targetSites(model, targets);
  return findMethod(method)?.parameters(sites, completeSettings(method, settings)) ?? 0;
}

export function matchSettings(model: string, targets: readonly string[], method: string, settings: Settings, budget: number): Settings {
  return registry.matchParameters(method, completeSettings(method, settings), registry.targetSites(model, targets), budget);
}

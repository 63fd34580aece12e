/** What the page knows of the methods: titles, settings, and parameter counts on the chosen model. */
import type { SiteShape } from "../adapters/adapter.ts";
import { type Method, methods, siteShapes } from "../train/catalog.ts";

export type { Method };
export type Settings = Readonly<Record<string, number>>;
type ModelConfig = Readonly<Record<string, unknown>>;

/** config.json of the models that were asked for, from which the adapted layers follow. */
const models = new Map<string, ModelConfig>();
const shapes = new Map<string, readonly SiteShape[]>();

export async function loadModelConfig(model: string): Promise<void> {
  if (models.has(model)) return;
  const response = await fetch(`models/${model}/config.json`);
  if (!response.ok) throw new Error(`The model ${model} could not be fetched (HTTP ${response.status}).`);
  setModelConfig(model, (await response.json()) as ModelConfig);
}

export function setModelConfig(model: string, config: ModelConfig): void {
  models.set(model, config);
}

/** The adapted layers; none while the model is not known. */
function sitesOf(model: string, targets: readonly string[]): readonly SiteShape[] {
  const config = models.get(model);
  if (!config) return [];
  const key = `${model} ${targets.join()}`;
  const found = shapes.get(key) ?? siteShapes(config, targets);
  shapes.set(key, found);
  return found;
}

export function listMethods(): readonly Method[] {
  return methods;
}

export function findMethod(id: string): Method | undefined {
  return methods.find((method) => method.id === id);
}

/** Every field of the method, absent ones by their default. */
export function completeSettings(id: string, settings: Settings): Settings {
  const fields = Object.entries(findMethod(id)?.fields ?? {});
  return { ...Object.fromEntries(fields.map(([name, field]) => [name, field.default])), ...settings };
}

export function countParameters(model: string, targets: readonly string[], method: string, settings: Settings): number {
  return findMethod(method)?.parameters(sitesOf(model, targets), settings) ?? 0;
}

/** The settings whose parameter count is nearest to `budget`. */
export function matchSettings(model: string, targets: readonly string[], method: string, settings: Settings, budget: number): Settings {
  return findMethod(method)?.match(sitesOf(model, targets), settings, budget) ?? settings;
}

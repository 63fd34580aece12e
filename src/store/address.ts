/** The settings in the URL's hash: compact, only what differs from the defaults, and nothing in it is trusted. */
import type { Field } from "../adapters/adapter.ts";
import type { TargetModules } from "../formats/target.ts";
import type { Augment } from "../train/augment.ts";
import type { LaneConfig, RunConfig } from "../train/run.ts";
import {
  AUGMENTS,
  clampTo,
  DEFAULTS,
  isAmount,
  MAX_LANES,
  MAX_TEMPLATE,
  NUMBERS,
  type NumberName,
  promptOf,
  RATE,
  SEEDS,
} from "./config.ts";
import { completeSettings, findMethod } from "./methods.ts";
import { isAdapterName, isModelName } from "./names.ts";
import { readSweep, type Sweep, writeSweep } from "./sweep.ts";
import { fromAddress, toAddress } from "./targets.ts";

export interface Address {
  readonly config: RunConfig;
  /** Whether the methods' parameter counts are kept equal. */
  readonly match: boolean;
  /** The sample set to open, by its id. */
  readonly sample: string | null;
  /** How many seeds are raced, one after the other, from the config's on. */
  readonly seeds: number;
  /** The setting that is tried at several values, if one is. */
  readonly sweep: Sweep | null;
}

export interface ReadAddress extends Address {
  /** What was dropped or moved into range, for people. */
  readonly notices: readonly string[];
}

const MAX_LENGTH = 4096;
const numbers = Object.entries(NUMBERS) as [NumberName, Field][];
const augments = Object.entries(AUGMENTS) as [keyof Augment, Field][];

export function writeAddress({ config, match, sample, seeds, sweep }: Address): string {
  const hash = new URLSearchParams();
  if (sample) hash.set("data", sample);
  const lanes = config.lanes.map(writeLane).join("*");
  if (lanes !== DEFAULTS.lanes.map(writeLane).join("*")) hash.set("lanes", lanes);
  if (!match) hash.set("match", "0");
  for (const [name] of numbers) if (config[name] !== DEFAULTS[name]) hash.set(name, String(config[name]));
  for (const [name] of augments) if (config.augment[name] !== DEFAULTS.augment[name]) hash.set(name, String(config.augment[name]));
  if (seeds !== SEEDS.default) hash.set("seeds", String(seeds));
  if (sweep) hash.set("sweep", writeSweep(sweep));
  if (config.amount !== DEFAULTS.amount) hash.set("amount", config.amount);
  if (config.balance) hash.set("balance", "1");
  if (config.model !== DEFAULTS.model) hash.set("model", config.model);
  if (config.precision !== DEFAULTS.precision) hash.set("precision", config.precision);
  const [image, text] = [toAddress(config.targets.image), toAddress(config.targets.text)];
  if (image !== toAddress(DEFAULTS.targets.image)) hash.set("targets", image);
  if (text) hash.set("text", text);
  if (config.head.kind === "linear") hash.set("head", "linear");
  else if (config.head.template !== promptOf(sample)) hash.set("prompt", config.head.template);
  return hash.toString();
}

/** "lora_r-16_lr-0.001_from-name": settings at their method's default are left out. */
function writeLane({ method, settings, lr, adapter }: LaneConfig): string {
  const known = findMethod(method);
  const parts = Object.entries(completeSettings(method, settings))
    .filter(([name, value]) => value !== known?.fields[name]?.default)
    .map(([name, value]) => `${name}-${value}`);
  if (lr !== known?.defaultLr) parts.push(`lr-${lr}`);
  if (adapter !== undefined) parts.push(`from-${adapter}`);
  return [method, ...parts].join("_");
}

export function readAddress(hash: string): ReadAddress {
  const notices: string[] = [];
  if (hash.length > MAX_LENGTH) {
    return {
      config: DEFAULTS,
      match: true,
      sample: null,
      seeds: 1,
      sweep: null,
      notices: ["The link's settings were too long and were left out."],
    };
  }
  const given = new Map(new URLSearchParams(hash.replace(/^#/, "")));
  const take = (key: string) => {
    const value = given.get(key);
    given.delete(key);
    return value;
  };

  const config: { -readonly [K in keyof RunConfig]: RunConfig[K] } = { ...DEFAULTS };
  for (const [name, field] of numbers) {
    const text = take(name);
    if (text !== undefined) config[name] = readNumber(field.label, field, text, DEFAULTS[name], notices);
  }
  for (const [name, field] of augments) {
    const text = take(name);
    const value = text === undefined ? undefined : readNumber(field.label, field, text, field.default, notices);
    if (value !== undefined) config.augment = { ...config.augment, [name]: value };
  }
  const balance = take("balance");
  if (balance === "1") config.balance = true;
  else if (balance !== undefined) notices.push("The link's class balance is not known; classes count by their images.");
  const amount = take("amount");
  if (amount !== undefined) {
    if (isAmount(amount)) config.amount = amount;
    else notices.push("The link's amount of training images is not known; all are used.");
  }
  const model = take("model");
  if (model !== undefined) {
    if (isModelName(model)) config.model = model;
    else notices.push("The link names a model that this page cannot find; the usual one is used.");
  }
  const precision = take("precision");
  if (precision === "half") config.precision = precision;
  else if (precision !== undefined && precision !== "checkpoint")
    notices.push("The link's precision is not known; the checkpoint's is used.");
  const read = (given: string | undefined, otherwise: TargetModules): TargetModules => {
    if (!given) return otherwise;
    const { targets = otherwise, problem } = fromAddress(given);
    if (problem) notices.push(problem);
    return targets;
  };
  const [image, text] = [take("targets"), take("text")];
  if (image === "") notices.push("The link names no layers; the usual ones are used.");
  config.targets = { image: read(image, DEFAULTS.targets.image), text: read(text, DEFAULTS.targets.text) };
  const data = take("data");
  const sample = data !== undefined && /^[a-z0-9-]{1,40}$/.test(data) ? data : null;
  config.head = readHead(take("head"), take("prompt"), promptOf(sample), notices);
  // The text tower is trained only where it gives the answers.
  if (config.head.kind === "linear") config.targets = { ...config.targets, text: [] };
  const lanes = take("lanes");
  if (lanes !== undefined) config.lanes = readLanes(lanes, notices);
  const match = take("match") !== "0";
  const several = take("seeds");
  const seeds = several === undefined ? SEEDS.default : readNumber(SEEDS.label, SEEDS, several, SEEDS.default, notices);
  const swept = take("sweep");
  const sweep = swept === undefined ? null : readSweep(swept, config.lanes.length);
  if (swept !== undefined && !sweep) notices.push("The link's sweep is not one that this page knows; it was left out.");
  if (given.size > 0) notices.push("The link holds settings that this page does not know; they were left out.");
  return { config, match, sample, seeds, sweep, notices };
}

function readNumber(label: string, field: Field, text: string, fallback: number, notices: string[]): number {
  const value = text.trim() === "" ? undefined : clampTo(field, Number(text));
  if (value === undefined) {
    notices.push(`${label} in the link is not a number; ${fallback} is used.`);
    return fallback;
  }
  if (value !== Number(text)) notices.push(`${label} in the link is out of range; ${value} is used.`);
  return value;
}

/** `own`: the prompt of the images that the link names. */
function readHead(head: string | undefined, prompt: string | undefined, own: string, notices: string[]): RunConfig["head"] {
  if (head === "linear") return { kind: "linear" };
  if (prompt === undefined) return { kind: "text", template: own };
  const template = prompt.replace(/\p{Cc}/gu, "").slice(0, MAX_TEMPLATE);
  if (template.includes("{class}")) return { kind: "text", template };
  notices.push("The prompt in the link has no {class}; the usual one is used.");
  return { kind: "text", template: own };
}

function readLanes(text: string, notices: string[]): readonly LaneConfig[] {
  const given = text.split("*");
  const lanes = given.slice(0, MAX_LANES).flatMap((lane) => readLane(lane, notices));
  if (given.length > MAX_LANES) notices.push(`The link has ${given.length} methods; the first ${MAX_LANES} are used.`);
  return lanes.length > 0 ? lanes : DEFAULTS.lanes;
}

function readLane(text: string, notices: string[]): LaneConfig[] {
  const [id = "", ...parts] = text.split("_");
  const method = findMethod(id);
  if (!method) {
    notices.push("The link names a method that this page does not have; it was left out.");
    return [];
  }
  const settings: Record<string, number> = { ...completeSettings(id, {}) };
  let lr = method.defaultLr;
  let adapter: string | undefined;
  for (const part of parts) {
    const [, name = "", value = ""] = /^([^-]*)-(.*)$/.exec(part) ?? [];
    const field = Object.hasOwn(method.fields, name) ? method.fields[name] : undefined;
    if (name === "lr") lr = readNumber(`${method.title}'s learning rate`, RATE, value, method.defaultLr, notices);
    else if (name === "from" && isAdapterName(value)) adapter = value;
    else if (field) settings[name] = readNumber(`${method.title}'s ${field.label}`, field, value, field.default, notices);
    else notices.push(`${method.title} has no such setting as the link gives it; it was left out.`);
  }
  return [{ method: id, settings, lr, ...(adapter !== undefined && { adapter }) }];
}

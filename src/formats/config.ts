/** Fields of adapter_config.json (PEFT 0.16 … 0.21): read with PEFT's defaults for absent ones; every error names the field. */
import { FormatError, UnsupportedError } from "./error.ts";
import { isCount, type JsonObject, show } from "./json.ts";
import type { TargetModules } from "./target.ts";

/** For each field the values under which it does nothing that is not built here. */
export type Neutral = Readonly<Record<string, readonly unknown[]>>;

/** Fields of every method that change the arithmetic or the keys in ways that are not built here. */
export const NEUTRAL: Neutral = {
  bias: ["none"],
  fan_in_fan_out: [false],
  layers_to_transform: [null],
  layers_pattern: [null],
  exclude_modules: [null],
};

/** The same for the fields that only LoRA (and DoRA) has. */
export const NEUTRAL_LORA: Neutral = {
  rank_pattern: [{}, null],
  alpha_pattern: [{}, null],
  lora_bias: [false],
  layer_replication: [null],
  megatron_config: [null],
  trainable_token_indices: [null],
  target_parameters: [null],
  use_qalora: [false],
  use_bdlora: [null, false],
  arrow_config: [null],
  kasa_config: [null],
  velora_config: [null],
  monteclora_config: [null],
  alora_invocation_tokens: [null],
  // PiSSA, OLoRA, CorDA, LoftQ and LoRA-GA start by changing the base weights, so their ΔW does not fit the published ones.
  init_lora_weights: [true, false, "gaussian", "eva", "orthogonal"],
};

/** Absent fields and null take `otherwise`. All throw FormatError "config", but for `neutral`. */
export interface ConfigFields {
  /** A whole number, `min` (0 unless given) or more. */
  count(name: string, otherwise: number, min?: number): number;
  /** A number above 0. */
  positive(name: string, otherwise: number): number;
  flag(name: string, otherwise: boolean): boolean;
  /** A number from `min` to `max`. */
  number(name: string, otherwise: number, min: number, max: number): number;
  /** Throws UnsupportedError for a field that has none of the values given for it. */
  neutral(allowed: Neutral): void;
}

export function fieldsOf(json: JsonObject): ConfigFields {
  const read = <T>(name: string, otherwise: T, isFit: (value: unknown) => value is T, expected: string): T => {
    const value = json[name] ?? otherwise;
    if (!isFit(value)) throw wrong(name, expected, value);
    return value;
  };
  return {
    count: (name, otherwise, min = 0) =>
      read(name, otherwise, (v): v is number => isCount(v) && v >= min, min > 0 ? `a whole number, ${min} or more` : "a whole number"),
    positive: (name, otherwise) => read(name, otherwise, (v): v is number => isNumber(v) && v > 0, "a number above 0"),
    flag: (name, otherwise) => read(name, otherwise, (v) => typeof v === "boolean", "true or false"),
    number: (name, otherwise, min, max) =>
      read(name, otherwise, (v): v is number => isNumber(v) && v >= min && v <= max, `a number from ${min} to ${max}`),
    neutral(allowed) {
      for (const [name, values] of Object.entries(allowed)) {
        const value = json[name];
        if (value !== undefined && !values.some((v) => v === value || JSON.stringify(v) === JSON.stringify(value)))
          throw new UnsupportedError(`${name} = ${show(value)}`, `only ${values.map(show).join(" or ")} can be opened.`);
      }
    },
  };
}

/** Throws FormatError "config" for anything but a list of names or one pattern. */
export function targetModules(json: JsonObject): TargetModules {
  const value = json.target_modules;
  if (typeof value === "string" || isStrings(value)) return value;
  throw wrong("target_modules", "a list of names or one pattern", value);
}

/** Names of the modules that are saved whole (`modules_to_save`). Throws FormatError "config". */
export function savedModules(json: JsonObject): readonly string[] {
  const names = json.modules_to_save ?? [];
  if (!isStrings(names)) throw wrong("modules_to_save", "a list of names", names);
  return names;
}

/** The fields that every method has, around its own (fields of PEFT 0.16, which later versions read too). */
export function adapterConfig(
  method: string,
  { baseModel, targetModules, saved }: { baseModel: string | null; targetModules: TargetModules; saved: readonly string[] },
  own: JsonObject,
): JsonObject {
  return {
    auto_mapping: null,
    base_model_name_or_path: baseModel,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    layers_pattern: null,
    layers_to_transform: null,
    modules_to_save: saved.length > 0 ? saved : null,
    peft_type: method,
    revision: null,
    target_modules: targetModules,
    // PEFT has no task type for image classification.
    task_type: null,
    ...own,
  };
}

const wrong = (name: string, expected: string, value: unknown): FormatError =>
  new FormatError("config", `adapter_config.json: ${name} must be ${expected}, it is ${show(value)}.`);

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isStrings = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === "string");

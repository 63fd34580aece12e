/** adapter_config.json of a PEFT folder (PEFT 0.16 … 0.21). */
import { FormatError, UnsupportedError } from "./error.ts";
import { isCount, isObject, type JsonObject } from "./json.ts";
import type { TargetModules } from "./target.ts";

interface Shared {
  readonly r: number;
  readonly targetModules: TargetModules;
  /** Hub id of the base model, where given. */
  readonly baseModel: string | null;
}

export interface LoraConfig extends Shared {
  readonly method: "LORA";
  /** ΔW = s·B·A with s = alpha / r, or alpha / √r with `useRslora`. */
  readonly alpha: number;
  readonly useRslora: boolean;
  /** Each module has a magnitude vector (DoRA). */
  readonly useDora: boolean;
}

export interface RandloraConfig extends Shared {
  readonly method: "RANDLORA";
  /** s = alpha / r */
  readonly alpha: number;
  /** Seed of the bases. */
  readonly projectionPrngKey: number;
  /** Whether the bases are in the file. */
  readonly saveProjection: boolean;
  readonly variant: "dense" | "sparse" | "very-sparse";
}

export type PeftConfig = LoraConfig | RandloraConfig;

/** Fields that change the arithmetic or the keys in ways that are not built here, with the values under which they do nothing. */
const NEUTRAL: Readonly<Record<string, readonly unknown[]>> = {
  bias: ["none"],
  fan_in_fan_out: [false],
  layers_to_transform: [null],
  layers_pattern: [null],
  exclude_modules: [null],
};
const NEUTRAL_LORA: Readonly<Record<string, readonly unknown[]>> = {
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

/**
 * Validates the fields that matter; PEFT's defaults stand in for absent ones, unknown fields are ignored as PEFT ignores them.
 * Throws FormatError "config" for a field of the wrong kind, UnsupportedError for a method or an option that is not built here.
 */
export function readConfig(json: JsonObject): PeftConfig {
  const method = json.peft_type;
  if (typeof method !== "string") throw wrong("peft_type", "a string", method);
  if (method !== "LORA" && method !== "RANDLORA")
    throw new UnsupportedError(`peft_type "${method}"`, "only LORA and RANDLORA folders can be opened.");
  refuse(json, NEUTRAL);
  const shared = { targetModules: targets(json.target_modules), baseModel: optionalString(json, "base_model_name_or_path") };
  if (method === "LORA") {
    refuse(json, NEUTRAL_LORA);
    for (const name of ["rank_pattern", "alpha_pattern"]) {
      const pattern = json[name] ?? {};
      if (!isObject(pattern)) throw wrong(name, "an object", pattern);
      if (Object.keys(pattern).length > 0) throw new UnsupportedError(name, "every module must have the same rank and alpha.");
    }
    return {
      method,
      ...shared,
      r: rank(json, 8),
      alpha: positive(json, "lora_alpha", 8),
      useRslora: flag(json, "use_rslora", false),
      useDora: flag(json, "use_dora", false),
    };
  }
  if (json.use_dora === true) throw new UnsupportedError("use_dora with RANDLORA", "PEFT has no such method.");
  const key = json.projection_prng_key ?? 0;
  if (!isCount(key)) throw wrong("projection_prng_key", "a whole number", key);
  return {
    method,
    ...shared,
    r: rank(json, 32),
    alpha: positive(json, "randlora_alpha", 640),
    projectionPrngKey: key,
    saveProjection: flag(json, "save_projection", true),
    // PEFT lets very_sparse win when both are set.
    variant: flag(json, "very_sparse", false) ? "very-sparse" : flag(json, "sparse", false) ? "sparse" : "dense",
  };
}

/** Names of the modules that are saved whole (`modules_to_save`). Throws FormatError "config". */
export function readSavedModules(json: JsonObject): readonly string[] {
  const names = json.modules_to_save ?? [];
  if (!isStrings(names)) throw wrong("modules_to_save", "a list of strings", names);
  return names;
}

/** The JSON that PEFT writes for this config (fields of PEFT 0.16, which later versions read too); `saved` goes to modules_to_save. */
export function writeConfig(config: PeftConfig, saved: readonly string[]): JsonObject {
  const shared = {
    auto_mapping: null,
    base_model_name_or_path: config.baseModel,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    layers_pattern: null,
    layers_to_transform: null,
    modules_to_save: saved.length > 0 ? saved : null,
    peft_type: config.method,
    r: config.r,
    revision: null,
    target_modules: config.targetModules,
    // PEFT has no task type for image classification.
    task_type: null,
  };
  if (config.method === "LORA") {
    return {
      ...shared,
      alpha_pattern: {},
      exclude_modules: null,
      init_lora_weights: true,
      lora_alpha: config.alpha,
      lora_bias: false,
      lora_dropout: 0,
      rank_pattern: {},
      use_dora: config.useDora,
      use_rslora: config.useRslora,
    };
  }
  return {
    ...shared,
    init_weights: true,
    projection_prng_key: config.projectionPrngKey,
    randlora_alpha: config.alpha,
    randlora_dropout: 0,
    save_projection: config.saveProjection,
    sparse: config.variant === "sparse",
    very_sparse: config.variant === "very-sparse",
  };
}

const wrong = (field: string, expected: string, value: unknown): FormatError =>
  new FormatError("config", `adapter_config.json: ${field} must be ${expected}, it is ${JSON.stringify(value)}.`);

const isStrings = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === "string");

function refuse(json: JsonObject, neutral: Readonly<Record<string, readonly unknown[]>>): void {
  for (const [field, values] of Object.entries(neutral)) {
    const value = json[field];
    if (value !== undefined && !values.includes(value))
      throw new UnsupportedError(
        `${field} = ${JSON.stringify(value)}`,
        `only ${values.map((v) => JSON.stringify(v)).join(" or ")} can be opened.`,
      );
  }
}

function targets(value: unknown): TargetModules {
  if (typeof value === "string" || isStrings(value)) return value;
  throw wrong("target_modules", "a list of names or one pattern", value);
}

function rank(json: JsonObject, fallback: number): number {
  const value = json.r ?? fallback;
  if (!isCount(value) || value === 0) throw wrong("r", "a whole number above 0", value);
  return value;
}

function positive(json: JsonObject, field: string, fallback: number): number {
  const value = json[field] ?? fallback;
  if (typeof value !== "number" || !(value > 0)) throw wrong(field, "a number above 0", value);
  return value;
}

function flag(json: JsonObject, field: string, fallback: boolean): boolean {
  const value = json[field] ?? fallback;
  if (typeof value !== "boolean") throw wrong(field, "true or false", value);
  return value;
}

function optionalString(json: JsonObject, field: string): string | null {
  const value = json[field] ?? null;
  if (value !== null && typeof value !== "string") throw wrong(field, "a string or null", value);
  return value;
}

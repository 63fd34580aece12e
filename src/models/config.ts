/** Reads a model's config.json field by field, with transformers' defaults for absent ones; every error names the field. */
import { FormatError, UnsupportedError } from "../formats/error.ts";
import { isObject, type JsonObject, show } from "../formats/json.ts";

/** All but `neutral` and `finish` throw FormatError "config" for a value that the field cannot have. */
export interface ConfigFields {
  /** A whole number from 1 to `limit`, which keeps a damaged file from asking for more than any machine has. */
  integer(name: string, otherwise: number, limit: number): number;
  /** A number above 0, at most `limit`. */
  positive(name: string, otherwise: number, limit: number): number;
  flag(name: string, otherwise: boolean): boolean;
  /** Side of a square in pixels, given as a number or as [side, side]. Throws UnsupportedError for other rectangles. */
  side(name: string, otherwise: number): number;
  /** The value that `choices` gives for the field's string. Throws UnsupportedError for a string that it does not have. */
  oneOf<V>(name: string, choices: Readonly<Record<string, V>>, otherwise: string): V;
  /** The fields of an object; one without fields where it is absent. */
  object(name: string): ConfigFields;
  has(name: string): boolean;
  /** Throws UnsupportedError unless the field is absent or has this value, under which nothing is to be done. */
  neutral(name: string, value: number | boolean): void;
  /** To be called last: throws UnsupportedError for a field with something in it that was not asked for and is not harmless. */
  finish(harmless: readonly string[]): void;
}

/** Pixels. */
const LARGEST_SIDE = 4096;

/** Fields of any transformers config that change nothing that is computed here. */
const HARMLESS = new Set([
  ..."_name_or_path _commit_hash _attn_implementation_autoset architectures model_type transformers_version dtype torch_dtype".split(" "),
  ..."id2label label2id num_labels problem_type finetuning_task initializer_range initializer_factor return_dict use_cache".split(" "),
  ..."output_attentions output_hidden_states torchscript use_bfloat16 gradient_checkpointing license tie_word_embeddings".split(" "),
  // Text generation, which older versions wrote into every config.
  ..."bos_token_id eos_token_id pad_token_id sep_token_id decoder_start_token_id max_length min_length num_beams num_beam_groups".split(
    " ",
  ),
  ..."num_return_sequences temperature top_k top_p typical_p length_penalty repetition_penalty tokenizer_class prefix".split(" "),
]);

/** The value says nothing: null, false, 0, "", [] or {}. */
const isEmpty = (value: unknown): boolean =>
  !value || (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);

export function fieldsOf(json: JsonObject, where = "config.json"): ConfigFields {
  const asked = new Set<string>();
  const check = <T>(name: string, value: unknown, isFit: (value: unknown) => value is T, want: string): T => {
    if (!isFit(value)) throw new FormatError("config", `${where}: "${name}" is ${show(value)}; it must be ${want}.`);
    return value;
  };
  const read = <T>(name: string, otherwise: T, isFit: (value: unknown) => value is T, want: string): T => {
    asked.add(name);
    return check(name, json[name] ?? otherwise, isFit, want);
  };
  const upTo = (limit: number) =>
    [
      (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= limit,
      `a whole number from 1 to ${limit}`,
    ] as const;
  return {
    integer: (name, otherwise, limit) => read(name, otherwise, ...upTo(limit)),
    positive: (name, otherwise, limit) =>
      read(
        name,
        otherwise,
        (value): value is number => typeof value === "number" && value > 0 && value <= limit,
        `a number above 0, at most ${limit}`,
      ),
    flag: (name, otherwise) => read(name, otherwise, (value) => typeof value === "boolean", "true or false"),
    side(name, otherwise) {
      const value = json[name];
      if (!Array.isArray(value)) return read(name, otherwise, ...upTo(LARGEST_SIDE));
      asked.add(name);
      const [height, width] = value as unknown[];
      if (value.length !== 2 || height !== width)
        throw new UnsupportedError(name, `${where} says ${show(value)}; only squares are handled.`);
      return check(name, height, ...upTo(LARGEST_SIDE));
    },
    oneOf(name, choices, otherwise) {
      const value = read(name, otherwise, (v) => typeof v === "string", "a string");
      const choice = Object.hasOwn(choices, value) ? choices[value] : undefined;
      if (choice === undefined)
        throw new UnsupportedError(name, `${where} says ${show(value)}; there are ${Object.keys(choices).join(", ")}.`);
      return choice;
    },
    object(name) {
      const value = read<JsonObject>(name, {}, isObject, "an object");
      return fieldsOf(value, `${where}, ${name}`);
    },
    has: (name) => json[name] !== undefined && json[name] !== null,
    neutral(name, value) {
      asked.add(name);
      if ((json[name] ?? value) !== value) throw new UnsupportedError(name, `${where} says ${show(json[name])}; only ${value} is handled.`);
    },
    finish(harmless) {
      for (const [name, value] of Object.entries(json)) {
        if (asked.has(name) || HARMLESS.has(name) || harmless.includes(name) || isEmpty(value)) continue;
        throw new UnsupportedError(name, `${where} says ${show(value)}, and what that changes is not known here.`);
      }
    },
  };
}

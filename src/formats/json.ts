/** JSON that came from outside: parsed strictly, so that two readers cannot see two different files. */
import { FormatError } from "./error.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** A value from a file as an error quotes it: its beginning is enough. */
export function show(value: unknown): string {
  const text = String(JSON.stringify(value));
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
}

/** True for a whole number ≥ 0 that a double holds exactly. */
export const isCount = (value: unknown): value is number => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

/** Deeper than any file that is read here; what walks over the values can then be recursive. */
const DEPTH = 64;

/**
 * Reads UTF-8 bytes that must hold one JSON object; `what` names them in errors.
 * Throws FormatError: "json" when they do not or when it nests more than 64 deep, "key" for a key given twice in one object or named `__proto__`.
 */
export function readObject(bytes: Uint8Array, what: string): JsonObject {
  let value: unknown;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new FormatError("json", `${what} is not JSON (${cause instanceof Error ? cause.message : String(cause)}).`);
  }
  if (!isObject(value)) throw new FormatError("json", `${what} must be a JSON object.`);
  checkKeys(text, what);
  return value;
}

/** JSON.parse keeps the last of two equal keys without a word, so the keys are looked at in the (already valid) text. */
function checkKeys(text: string, what: string): void {
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (open.length > DEPTH) throw new FormatError("json", `${what} nests more than ${DEPTH} deep.`);
    if (char === "{") open.push(new Set());
    else if (char === "[") open.push(undefined);
    else if (char === "}" || char === "]") open.pop();
    else if (char === '"') {
      const begin = i++;
      while (text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
      const end = i + 1;
      while (isSpace(text[i + 1])) i++;
      if (text[i + 1] === ":") {
        const key = JSON.parse(text.slice(begin, end)) as string;
        const seen = open.at(-1);
        if (key === "__proto__") throw new FormatError("key", `${what} has a key named __proto__.`);
        if (seen?.has(key)) throw new FormatError("key", `${what} gives the key "${key}" twice.`);
        seen?.add(key);
      }
    }
  }
}

const isSpace = (char: string | undefined): boolean => char === " " || char === "\n" || char === "\r" || char === "\t";

/**
 * `value` as JSON text, indented. A whole number under a key that `source` writes as 1.0 or 1e3 gets its ".0": JavaScript does not
 * tell it from 1, but Python does, and transformers refuses an int where its config wants a float.
 */
export function stringifyLike(value: JsonObject, source: string): string {
  const floats = new Set(Array.from(source.matchAll(/"([^"\\]+)"\s*:\s*-?\d+(?:\.\d+|(?:\.\d+)?[eE][+-]?\d+)/g), ([, key]) => key));
  const text = JSON.stringify(value, null, 2);
  return `${text.replace(/^(\s*"([^"\\]+)": -?\d+)(,?)$/gm, (line, number, key, comma) => (floats.has(key) ? `${number}.0${comma}` : line))}\n`;
}

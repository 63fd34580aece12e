/** JSON that came from outside: parsed strictly, so that two readers cannot see two different files. */
import { FormatError } from "./error.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject => typeof value === "object" && value !== null && !Array.isArray(value);

/** True for a whole number ≥ 0 that a double holds exactly. */
export const isCount = (value: unknown): value is number => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

/**
 * Reads UTF-8 bytes that must hold one JSON object; `what` names them in errors.
 * Throws FormatError: "json" when they do not, "key" for a key given twice in one object or named `__proto__`.
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

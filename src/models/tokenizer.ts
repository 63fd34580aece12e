/** CLIP's tokenizer: text to the fixed-length rows of ids that the text tower takes. */
import { Tokenizer } from "@huggingface/tokenizers";

export interface Tokens {
  /** (n, positions) start, tokens, end, then padding. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** (n) column of the first end token: the position CLIP pools. */
  readonly ends: Uint32Array<ArrayBuffer>;
}

export interface TextTokenizer {
  /** Encodes n texts. Longer ones are cut so that the end token stays in the last position. Throws when `positions` < 2. */
  encode(texts: readonly string[], size: { readonly positions: number }): Tokens;
}

/**
 * Builds the tokenizer from the parsed tokenizer.json and tokenizer_config.json of a checkpoint.
 * Throws when they do not name an end token of the vocabulary.
 */
export function openTokenizer(tokenizer: object, config: object): TextTokenizer {
  const inner = new Tokenizer(tokenizer, config);
  const special = (field: "eos_token" | "pad_token"): number => {
    const token: unknown = (config as Readonly<Record<string, unknown>>)[field];
    const id = typeof token === "string" ? inner.token_to_id(token) : undefined;
    if (id === undefined) throw new Error(`tokenizer_config.json: ${field} ${JSON.stringify(token)} is not in the vocabulary.`);
    return id;
  };
  const end = special("eos_token");
  const pad = special("pad_token");
  return {
    encode(texts, { positions }) {
      if (positions < 2) throw new Error(`A text needs at least 2 positions, for its start and end tokens; ${positions} were given.`);
      const ids = new Uint32Array(texts.length * positions).fill(pad);
      const ends = new Uint32Array(texts.length);
      texts.forEach((text, row) => {
        const tokens = inner.encode(text).ids;
        const kept = tokens.length > positions ? [...tokens.slice(0, positions - 1), end] : tokens;
        ids.set(kept, row * positions);
        ends[row] = kept.indexOf(end);
      });
      return { ids, ends };
    },
  };
}

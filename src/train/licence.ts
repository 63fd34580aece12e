/** The licence that a model states, in its card or its config. */

/** Fields of a model card, or of the Hub's copy of them. */
export type Card = Readonly<Record<string, unknown>>;

/**
 * The licence a card names: "mit", or several joined by ", ". A licence that the Hub has no word for ("other") is told by its own name
 * (`license_name`) where there is one. Undefined when none is stated.
 */
export function licenceOf(card: Card): string | undefined {
  const stated = [card.license].flat().filter((name) => typeof name === "string" && name !== "");
  const { license_name: own } = card;
  if (stated[0] === "other" && typeof own === "string" && own !== "") return own;
  return stated.join(", ") || undefined;
}

/**
 * `license` and `license_name` of a model card: YAML between two lines of "---" at the very top of README.md.
 * Reads plain and quoted scalars and both forms of list, which is what the Hub's cards have there.
 */
export function cardOf(readme: string): Card {
  const front = /^\uFEFF?---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(\r?\n|$)/.exec(readme)?.[1] ?? "";
  const lines = front.split(/\r?\n/);
  const field = (name: string): string | string[] | undefined => {
    const at = lines.findIndex((line) => line.startsWith(`${name}:`));
    if (at < 0) return undefined;
    const value = scalar((lines[at] as string).slice(name.length + 1));
    if (value.startsWith("["))
      return value
        .replace(/^\[|\]$/g, "")
        .split(",")
        .map(scalar);
    if (value !== "") return value;
    const items = lines.slice(at + 1);
    const end = items.findIndex((line) => !/^\s*- /.test(line));
    return items.slice(0, end < 0 ? items.length : end).map((line) => scalar(line.replace(/^\s*- /, "")));
  };
  return { license: field("license"), license_name: field("license_name") };
}

/** A YAML scalar without its comment and quotes. */
function scalar(text: string): string {
  const plain = text.trim();
  const quoted = /^(["'])(.*?)\1/.exec(plain)?.[2];
  return quoted ?? plain.replace(/(^|\s)#.*$/, "").trim();
}

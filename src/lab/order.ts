/** What is to be measured, as the lab's address and the command line have it. Plain data: the page reads it before any engine is there. */

interface Tower {
  readonly title: string;
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  /** Sides of an image and of a patch, in pixels. */
  readonly image: number;
  readonly patch: number;
  /** Settings of methods where they are not the usual ones. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}
export type TowerName = "clip-tiny" | "vit-ti16" | "clip-b32" | "toy";

/** Vision towers of known sizes, by the names that reports have for them. The last one is for adapters that compute on the processor. */
export const TOWERS: Readonly<Record<TowerName, Tower>> = {
  "clip-tiny": {
    title: "CLIP-tiny, 64 px",
    width: 192,
    depth: 8,
    heads: 3,
    image: 64,
    patch: 8,
    // About as many trained numbers as LoRA of rank 32 has.
    settings: { randlora: { rank: 2, alpha: 20 } },
  },
  "vit-ti16": { title: "ViT-Ti/16, 224 px", width: 192, depth: 12, heads: 3, image: 224, patch: 16 },
  "clip-b32": { title: "CLIP ViT-B/32, 224 px", width: 768, depth: 12, heads: 12, image: 224, patch: 32 },
  toy: { title: "Toy, 32 px", width: 48, depth: 2, heads: 3, image: 32, patch: 8 },
};

/** The methods that are compared with PEFT. */
export const METHODS = ["lora", "randlora", "dora", "vera", "full"] as const;

export interface Order {
  readonly models: readonly TowerName[];
  /** "lora", or "lora+randlora" for two lanes in one race. */
  readonly methods: readonly string[];
  /** Images in a step. */
  readonly batch: number;
  /** Hold every kernel against its definition. */
  readonly verify: boolean;
  /** Time every launch of the steps. */
  readonly profile: boolean;
}

/** Without anything asked: what a graphics card does in some seconds, and a processor too. */
export const usual = (software: boolean): Order => ({
  models: software ? ["toy"] : ["clip-tiny"],
  methods: METHODS,
  batch: software ? 4 : 64,
  verify: true,
  profile: true,
});

const MAX_BATCH = 1024;

/**
 * Reads "models=clip-b32,vit-ti16&methods=lora,lora+randlora&batch=64&verify=0&profile=0". What is absent is as in `otherwise`, what
 * is not known is left out and named in `problems`.
 */
export function readOrder(
  text: string,
  otherwise: Order,
  isMethod: (id: string) => boolean,
): { readonly order: Order; readonly problems: readonly string[] } {
  const given = new Map(text.split("&").flatMap((part) => (part ? [pair(part)] : [])));
  const problems: string[] = [];
  const take = (key: string): string | undefined => {
    const value = given.get(key);
    given.delete(key);
    return value;
  };
  const list = <T extends string>(key: string, fallback: readonly T[], isKnown: (name: string) => boolean): readonly T[] => {
    const value = take(key);
    if (value === undefined) return fallback;
    const names = [...new Set(value.split(",").filter(Boolean))];
    for (const name of names) if (!isKnown(name)) problems.push(`There is no ${key.slice(0, -1)} "${name.slice(0, 40)}".`);
    return names.filter(isKnown) as T[];
  };
  const flag = (key: string, fallback: boolean): boolean => {
    const value = take(key);
    return value === undefined ? fallback : value !== "0";
  };
  const models = list("models", otherwise.models, (name) => Object.hasOwn(TOWERS, name));
  const methods = list("methods", otherwise.methods, (names) => names.split("+").every(isMethod));
  const wanted = take("batch");
  let { batch } = otherwise;
  if (wanted !== undefined) {
    const number = Number(wanted);
    if (Number.isInteger(number) && number >= 1 && number <= MAX_BATCH) batch = number;
    else problems.push(`A batch has 1 to ${MAX_BATCH} images.`);
  }
  const [verify, profile] = [flag("verify", otherwise.verify), flag("profile", otherwise.profile)];
  for (const key of given.keys()) problems.push(`There is no setting "${key.slice(0, 40)}".`);
  return { order: { models, methods, batch, verify, profile }, problems };
}

// A "+" stays one here: it joins methods.
function pair(part: string): [string, string] {
  const [key = "", ...rest] = part.split("=");
  return [key, rest.join("=").replaceAll("%2C", ",").replaceAll("%2B", "+")];
}

/** What differs from `otherwise`, as `readOrder` reads it. */
export function writeOrder(order: Order, otherwise: Order): string {
  const text = (value: Order[keyof Order]): string =>
    typeof value === "boolean" ? String(Number(value)) : typeof value === "number" ? String(value) : value.join(",");
  return (Object.keys(order) as (keyof Order)[])
    .filter((key) => text(order[key]) !== text(otherwise[key]))
    .map((key) => `${key}=${text(order[key])}`)
    .join("&");
}

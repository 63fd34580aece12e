/** Names that stand in the address, in configs and on files. */

/** Folders under public/models that come with the page, and what they are called. */
export const BUNDLED: Readonly<Record<string, string>> = { "clip-tiny": "CLIP-tiny" };
const FOLDER = "folder:";
const MAX_NAME = 80;

/** "clip-tiny", "owner/name", "owner/name@revision" or "folder:name". */
export function isModelName(model: string): boolean {
  if (Object.hasOwn(BUNDLED, model)) return true;
  if (model.startsWith(FOLDER)) return model.length > FOLDER.length && model.length <= FOLDER.length + MAX_NAME && !/\p{Cc}/u.test(model);
  return /^[\w-][\w.-]{0,95}\/[\w-][\w.-]{0,95}(@[\w-][\w./-]{0,79})?$/.test(model) && !model.includes("..");
}

/** A model that lies in a folder of this computer, which a link cannot bring along. */
export const isFolder = (model: string): boolean => model.startsWith(FOLDER);
/** A model of the Hugging Face Hub. */
export const isHub = (model: string): boolean => !isFolder(model) && model.includes("/");

export const folderModel = (name: string): string =>
  FOLDER +
  name
    .replace(/\p{Cc}/gu, "")
    .trim()
    .slice(0, MAX_NAME);

/** For people: "owner/name" without its revision. */
export function shortModel(model: string): string {
  return BUNDLED[model] ?? model.replace(FOLDER, "").replace(/@.*$/, "");
}

/** "owner/name@2f0c…" → the first seven digits of its commit. */
export function revisionOf(model: string): string | undefined {
  return isHub(model) ? /@(.+)$/.exec(model)?.[1]?.slice(0, 7) : undefined;
}

/** Lower case, digits and hyphens: fit for a file and for the address. `otherwise` where nothing is left. */
export function slug(name: string, otherwise: string): string {
  const plain = name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/\p{M}/gu, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return plain.slice(0, 40).replace(/-+$/, "") || otherwise;
}

/** As `slug` makes them. */
export const isAdapterName = (name: string): boolean => /^[a-z0-9][a-z0-9-]{0,99}$/.test(name);

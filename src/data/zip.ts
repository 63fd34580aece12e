/** Archives as a source: zip, Teachable Machine's projects, tar and tar.gz. */

import { projectClasses } from "../formats/teachable.ts";
import { ARCHIVE, tidyName } from "./paths.ts";
import { sift } from "./sift.ts";
import { candidatesOf, type Labelling, type Listing, leaveOut, type Source } from "./source.ts";
import { listTar } from "./tar.ts";
import { listZip, type ZipLimits } from "./unzip.ts";

/**
 * Lists an archive by its ending; nothing is unpacked yet but a tar.gz. An unreadable one gives a source without files and a note;
 * it does not throw. Images that lie in no folder at all get the name of the archive as their class.
 * @param name the file name, for people
 */
export function fromArchive(blob: Blob, name: string, labelling: Labelling = {}): Promise<Source> {
  if (/\.zip$/i.test(name)) return fromZip(blob, name, labelling);
  if (/\.tm$/i.test(name)) return fromProject(blob, name, labelling);
  return listTar(blob, name).then((list) => fromListing(list, name, labelling));
}

/** The same for a zip. */
export async function fromZip(blob: Blob, name: string, labelling: Labelling = {}, limits?: ZipLimits): Promise<Source> {
  return fromListing(await listZip(blob, name, limits), name, labelling);
}

async function fromListing(list: Listing, name: string, labelling: Labelling): Promise<Source> {
  const title = name.replace(ARCHIVE, "").replace(/ ?\(\d+\)$/, "");
  if (list.found.length === 0 && list.notes.length === 0) leaveOut(list, name, "not an image", "an archive without files");
  const source = await sift(title, list.found, { fallback: title, ...labelling });
  return { ...source, notes: [...list.notes, ...source.notes], warnings: [...list.warnings, ...source.warnings] };
}

/** A project saved by Teachable Machine: a zip of the images and a manifest.json. */
async function fromProject(blob: Blob, name: string, labelling: Labelling): Promise<Source> {
  const list = await listZip(blob, name);
  const manifest = list.found.find(({ path }) => /(^|\/)manifest\.json$/.test(path));
  const { candidates } = candidatesOf(list.found);
  let json: unknown;
  try {
    json = JSON.parse((await (await manifest?.open())?.text()) ?? "null");
  } catch {
    json = undefined; // the paths may still tell the classes
  }
  const classes = projectClasses(
    json,
    candidates.map(({ path }) => path),
  );
  // In folders named after the classes they are what any zip of images is.
  const found = list.found.map((file) => {
    const className = tidyName(classes.get(file.path) ?? "").replaceAll("/", "∕");
    return className === "" ? file : { ...file, path: `${className}/${file.path.replaceAll("/", " ")}` };
  });
  return fromListing({ ...list, found }, name, labelling);
}

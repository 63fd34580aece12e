/** All that the page keeps on this machine, shelf by shelf. What is kept anew gets a line at the end. */
import { forgetChoices, listChoices } from "../train/choices.ts";
import { Hub } from "../train/hub.ts";
import { openStore } from "../train/opfs.ts";
import { listKept, removeKept } from "./keeping.ts";
import { forgetDownload } from "./models.ts";
import { copySize, removeCopy } from "./offline.ts";
import { forgetSetup, SETUP } from "./remembered.ts";
import { listRuns, removeRun } from "./runs.ts";

export interface Item {
  readonly id: string;
  readonly title: string;
  readonly bytes: number;
  /** Such as that a download is not finished, or when it was kept: it tells things of one title apart. */
  readonly remark?: string;
}

export interface Shelf {
  readonly title: string;
  /** What lies here, and what it costs to remove it. */
  readonly says: string;
  list(): Promise<readonly Item[]>;
  /** What others hold in memory of it is brought after it. */
  remove(id: string): Promise<void>;
}

const openHub = async (): Promise<Hub> => new Hub(await openStore("models"));

const models: Shelf = {
  title: "Models of the Hub",
  says: "What you have downloaded. Removed ones can be downloaded again; the model that comes with the page is not among them.",
  async list() {
    const cached = await (await openHub()).listCached();
    return cached.map(({ id, revision, bytes, complete }) => ({
      id: `${id}@${revision}`,
      title: id,
      bytes,
      ...(!complete && { remark: "not finished" }),
    }));
  },
  async remove(model) {
    const [id = "", revision = ""] = model.split("@");
    await (await openHub()).remove({ id, revision });
    forgetDownload(model);
  },
};

const tuning: Shelf = {
  title: "Kernel choices",
  says: "Which variants of the kernels are fastest on your GPU. Without them the next race measures for some seconds.",
  list: async () => (await listChoices()).map(({ adapter, bytes }) => ({ id: adapter, title: adapter, bytes })),
  remove: forgetChoices,
};

const copy: Shelf = {
  title: "Offline copy",
  says: "This page itself, with its model and samples, so that it opens without the network. It is made anew when the page is next opened.",
  async list() {
    const bytes = await copySize();
    return bytes > 0 ? [{ id: "copy", title: "This page", bytes }] : [];
  },
  remove: removeCopy,
};

const SETTINGS: Readonly<Record<string, string>> = {
  theme: "Light or dark",
  tour: "Whether you have seen the tour",
  [SETUP]: "Settings of the last race",
};

const images: Shelf = {
  title: "Images",
  says: "Image sets: their files, as the models see them, and what you did to them. The files on your disk are not touched.",
  list: async () =>
    (await listKept()).map(({ id, name, images: count, bytes, at, open }) => {
      const when = new Date(at).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium" });
      const where = open === "here" ? ", in use here" : open === "elsewhere" ? ", in use in another tab" : "";
      return { id, title: `${name}, ${count} images`, bytes, remark: `${when}${where}` };
    }),
  remove: removeKept,
};

const runs: Shelf = {
  title: "Runs",
  says: "Settings, curves and results of earlier races. A removed one can be brought back from its file, if you saved it.",
  list: async () => (await listRuns()).map(({ id, name, bytes }) => ({ id, title: name, bytes })),
  remove: removeRun,
};

const settings: Shelf = {
  title: "Settings",
  says: "Choices about the page, and the settings of your last race, for when you open the page without an address that holds them.",
  list: async () =>
    Object.entries(localStorage).map(([id, value]) => ({ id, title: SETTINGS[id] ?? id, bytes: id.length + String(value).length })),
  remove: async (id) => (id === SETUP ? forgetSetup() : localStorage.removeItem(id)),
};

export const SHELVES: readonly Shelf[] = [models, images, runs, tuning, copy, settings];

export interface Room {
  /** By the browser's own count, which rounds. */
  readonly used: number;
  readonly quota: number;
  /** The browser does not clear it by itself when the disk gets full. */
  readonly persistent: boolean;
}

export async function findRoom(): Promise<Room> {
  const [{ usage = 0, quota = 0 }, persistent] = await Promise.all([navigator.storage.estimate(), navigator.storage.persisted()]);
  return { used: usage, quota, persistent };
}

/** The browser may ask the person, or decide by itself. Whether it is so now. */
export function askToPersist(): Promise<boolean> {
  return navigator.storage.persist();
}

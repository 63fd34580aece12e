/** The fastest variants of kernels on this machine's GPUs, in the browser's files from one visit to the next. */
import type { Gpu } from "../gpu/device.ts";
import { openStore, type Store } from "./opfs.ts";

/** What a file holds: one for each adapter, found by its name. */
interface Choices {
  readonly adapter: string;
  /** As `Gpu.tuned`. A key holds a digest of its kernels, so that those of another version are never asked for. */
  readonly choices: Readonly<Record<string, string>>;
}

const pathOf = (adapter: string): string => `${encodeURIComponent(adapter)}.json`;
const adapterOf = (path: string): string => decodeURIComponent(path.replace(/\.json$/, ""));
const openTuning = (): Promise<Store> => openStore("tuning");

/**
 * Adds to `gpu.tuned` what was kept about its adapter. Where the browser keeps no files, or the file is not one of ours, nothing
 * is known: all is measured again.
 */
export async function recallChoices(gpu: Gpu, open: () => Promise<Store> = openTuning): Promise<void> {
  try {
    const file = await (await open()).read(pathOf(gpu.id));
    if (!file) return;
    const { adapter, choices } = JSON.parse(await file.text()) as Partial<Choices>;
    if (adapter !== gpu.id) return;
    for (const [key, name] of Object.entries(choices ?? {})) if (typeof name === "string") gpu.tuned.set(key, name);
  } catch {
    // Nobody is to be told: a run is the same without it, but for some seconds at its start.
  }
}

/** Keeps all that was measured of `gpu.tuned`, in place of what was kept before. Does nothing where the browser keeps no files, or another tab writes. */
export async function keepChoices(gpu: Gpu, open: () => Promise<Store> = openTuning): Promise<void> {
  const kept: Choices = { adapter: gpu.id, choices: Object.fromEntries([...gpu.tuned].filter(([key]) => !gpu.guessed.has(key))) };
  try {
    const writer = await (await open()).append(pathOf(gpu.id), 0);
    try {
      await writer.write(new TextEncoder().encode(JSON.stringify(kept)));
    } finally {
      await writer.close();
    }
  } catch {
    // As above.
  }
}

/** The adapters of which something is kept, and its bytes. */
export async function listChoices(): Promise<readonly { readonly adapter: string; readonly bytes: number }[]> {
  return (await (await openTuning()).list()).map(({ path, size }) => ({ adapter: adapterOf(path), bytes: size }));
}

export async function forgetChoices(adapter: string): Promise<void> {
  await (await openTuning()).remove(pathOf(adapter));
}

/** The page's own copy on this machine: made once in the background, served without the network, renewed as a whole. */
import { create } from "zustand";

/** What browsers hand a page that can be installed; not in TypeScript's library. */
interface InstallPrompt extends Event {
  prompt(): Promise<unknown>;
}

interface Offline {
  /** "none": this browser, or a development server, keeps no copy. "newer": a newer copy is whole and waits. */
  readonly state: "none" | "copying" | "ready" | "newer" | "failed";
  /** The browser offers to install the page. */
  readonly install: InstallPrompt | null;
}

export const useOffline = create<Offline>()(() => ({ state: "none", install: null }));

const ownVersion = (): string | undefined => document.querySelector<HTMLMetaElement>('meta[name="version"]')?.content;

/** Makes the copy, once the page stands. */
export function keepOffline(): void {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    useOffline.setState({ install: event as InstallPrompt });
  });
  addEventListener("appinstalled", () => useOffline.setState({ install: null }));
  if (!("serviceWorker" in navigator) || ownVersion() === undefined) return;
  const begin = () => setTimeout(() => void copy().catch(() => useOffline.setState({ state: "failed" })), QUIET_MS);
  if (document.readyState === "complete") begin();
  else addEventListener("load", begin, { once: true });
}

/** What one waits for comes first. */
const QUIET_MS = 3000;

async function copy(): Promise<void> {
  const { serviceWorker } = navigator;
  const registration = await serviceWorker.register("sw.js", { updateViaCache: "none" });
  const follow = (worker: ServiceWorker | null) => {
    if (!worker) return;
    const look = () => {
      if (worker.state === "installing" && !registration.active) useOffline.setState({ state: "copying" });
      if (worker.state === "installed" && registration.active) useOffline.setState({ state: "newer" });
      if (worker.state === "activated") void join(worker);
      if (worker.state === "redundant" && !registration.active) useOffline.setState({ state: "failed" });
    };
    worker.addEventListener("statechange", look);
    look();
  };
  registration.addEventListener("updatefound", () => follow(registration.installing));
  for (const worker of [registration.active, registration.waiting, registration.installing]) follow(worker);
}

/** A page is served from a copy of its own version only. */
async function join(worker: ServiceWorker): Promise<void> {
  if (navigator.serviceWorker.controller === null) {
    if ((await ask(worker, "version")) !== ownVersion()) return;
    worker.postMessage("claim");
  }
  if (useOffline.getState().state !== "newer") useOffline.setState({ state: "ready" });
}

function ask(worker: ServiceWorker, question: string): Promise<unknown> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
    worker.postMessage(question, [port2]);
  });
}

/** Reloads the page in its new version. False while another tab shows the old one, which must be closed first. */
export async function takeNewer(): Promise<boolean> {
  const registration = await navigator.serviceWorker.getRegistration();
  if (!registration?.waiting) return true;
  navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
  return (await ask(registration.waiting, "take over")) === true;
}

/** Asks the person, by the browser's own dialog. */
export async function installPage(): Promise<void> {
  const { install } = useOffline.getState();
  useOffline.setState({ install: null });
  await install?.prompt();
}

/** Bytes of the copies on this machine. */
export async function copySize(): Promise<number> {
  let bytes = 0;
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) bytes += (await (await cache.match(request))?.blob())?.size ?? 0;
  }
  return bytes;
}

/** The page comes over the network again, until it is next opened. */
export async function removeCopy(): Promise<void> {
  for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
  for (const name of await caches.keys()) await caches.delete(name);
  useOffline.setState({ state: "none" });
}

/**
 * The page's service worker: a copy of all built files of one version, from which the page is served, with the network or without.
 * It is built into sw.js beside index.html; FILES and VERSION are written in by vite.config.ts.
 *
 * Two versions are never mixed. A copy counts once every file in it has the digest that its version names. A page is served from a
 * copy only if it is of that version, and a newer copy waits until the last page of the older one asks for it.
 */

/** Address, relative to this file → "sha256-…". */
declare const FILES: Readonly<Record<string, string>>;
declare const VERSION: string;

/** What TypeScript keeps in a library for service workers alone. */
interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Fetching extends Extendable {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Asked extends Extendable {
  readonly data: unknown;
  readonly ports: readonly MessagePort[];
}
interface Worker {
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: { includeUncontrolled: boolean; type: "window" }): Promise<readonly unknown[]>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listener: (event: Extendable) => void): void;
  addEventListener(type: "fetch", listener: (event: Fetching) => void): void;
  addEventListener(type: "message", listener: (event: Asked) => void): void;
}
const worker = globalThis as unknown as Worker;

const PREFIX = "fullrank ";
const COPY = PREFIX + VERSION;
const addressOf = (path: string): string => new URL(path, location.href).href;
const paths = new Map(Object.keys(FILES).map((path) => [addressOf(path), path]));

worker.addEventListener("install", (event) => event.waitUntil(copyAll()));
worker.addEventListener("activate", (event) => event.waitUntil(dropOthers()));
worker.addEventListener("fetch", (event) => {
  const path = pathOf(event.request);
  if (path !== undefined) event.respondWith(answer(event.request, path));
});
worker.addEventListener("message", (event) => {
  const [port] = event.ports;
  if (event.data === "version") port?.postMessage(VERSION);
  // Of a page that came from the network, and is of this version.
  if (event.data === "claim") event.waitUntil(worker.clients.claim());
  if (event.data === "take over") event.waitUntil(takeOver().then((taken) => port?.postMessage(taken)));
});

async function copyAll(): Promise<void> {
  const copy = await caches.open(COPY);
  for (const [path, integrity] of Object.entries(FILES)) {
    const address = addressOf(path);
    if (await copy.match(address)) continue; // an install that broke off goes on
    const known = await caches.match(address);
    if (known && (await digestOf(known)) === integrity) await copy.put(address, known);
    // A file of another version is an error: the server is being updated, and the browser tries again later.
    else await copy.put(address, await fetch(address, { integrity, cache: "no-cache" }));
  }
}

async function digestOf(response: Response): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", await response.clone().arrayBuffer());
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}

async function dropOthers(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith(PREFIX) && name !== COPY) await caches.delete(name);
}

/** Of a file in the copy; undefined for everything else, which is left to the browser. */
function pathOf({ url, method, mode }: Request): string | undefined {
  if (method !== "GET" && method !== "HEAD") return undefined;
  const address = url.replace(/[?#].*$/, "");
  const isTop = mode === "navigate" && address === addressOf("./");
  return isTop ? "index.html" : paths.get(address);
}

async function answer(request: Request, path: string): Promise<Response> {
  const kept = await (await caches.open(COPY)).match(addressOf(path));
  if (!kept) return fetch(request); // somebody has removed the copy
  if (request.method === "GET") return kept;
  const { size } = await kept.blob();
  return new Response(null, { headers: { "content-length": String(size), "content-type": kept.headers.get("content-type") ?? "" } });
}

/** Whether this version serves from now on: only where no other page of the older one is open. */
async function takeOver(): Promise<boolean> {
  const open = await worker.clients.matchAll({ includeUncontrolled: true, type: "window" });
  if (open.length > 1) return false;
  await worker.skipWaiting();
  return true;
}

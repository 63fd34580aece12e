/** Downloads into the private file system of a real browser: broken off by a reload, by another tab, and by a disk that is full. */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { build } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hash } from "../src/data/hash.ts";
import type { Cached, Inspection } from "../src/train/hub.ts";
import type { Order, Reply } from "./browser/depot.ts";
import { launch, open, serve } from "./browser/harness.mjs";
import { startHub, type ToyHub } from "./toyhub.ts";

const MB = 2 ** 20;
const REVISION = "fedcba9876543210fedcba9876543210fedcba98";
/** Large enough to be hashed piece by piece. */
const WEIGHTS = new Uint8Array(Uint32Array.from({ length: 3 * MB }, (_, i) => hash(3, i)).buffer);
const SHA256 = createHash("sha256").update(WEIGHTS).digest("hex");
const files = new Map([
  ["config.json", new TextEncoder().encode('{"model_type":"vit"}')],
  ["preprocessor_config.json", new TextEncoder().encode('{"do_resize":true}')],
  ["model.safetensors", WEIGHTS],
]);

const scratch = mkdtempSync(join(tmpdir(), "fullrank-opfs-"));
let site: Awaited<ReturnType<typeof serve>>;
let hub: ToyHub;
let browser: Browser;
beforeAll(async () => {
  const entry = join(import.meta.dirname, "browser/depot.ts");
  await build({
    configFile: false,
    logLevel: "error",
    root: scratch,
    build: { outDir: scratch, emptyOutDir: false, target: "es2023", lib: { entry, formats: ["es"], fileName: () => "depot.js" } },
  });
  writeFileSync(join(scratch, "index.html"), '<!doctype html><title>depot</title><link rel="icon" href="data:,">');
  site = await serve(scratch);
  browser = await launch({ webgpu: false });
});
afterAll(async () => {
  await browser.close();
  site.close();
  rmSync(scratch, { recursive: true, force: true });
});

/** What a page keeps of its worker. */
interface Desk {
  readonly worker: Worker;
  readonly done: Map<number, number>;
  readonly ends: Map<number, Reply>;
}
type WithDesk = typeof globalThis & { desk?: Desk };
let orders = 0;

/** Gives the worker of a page an order, and returns its number. */
async function order(page: Page, what: Order["what"], id: string): Promise<number> {
  const given: Order = { number: ++orders, hub: hub.url, id, revision: REVISION, what };
  await page.evaluate((message) => {
    const at = globalThis as WithDesk;
    if (!at.desk) {
      const desk: Desk = { worker: new Worker("./depot.js", { type: "module" }), done: new Map(), ends: new Map() };
      desk.worker.onmessage = ({ data }: MessageEvent<Reply>) => {
        if ("done" in data) desk.done.set(data.number, data.done);
        else desk.ends.set(data.number, data);
      };
      at.desk = desk;
    }
    at.desk.worker.postMessage(message);
  }, given);
  return given.number;
}

/** What an order ended with: its result, or the fault's name. */
async function outcome<T>(page: Page, number: number): Promise<T | string> {
  const end = await page.waitForFunction((n) => (globalThis as WithDesk).desk?.ends.get(n), number);
  const reply = (await end.jsonValue()) as Reply;
  return "result" in reply ? (reply.result as T) : "fault" in reply ? reply.fault : "";
}
const ask = async <T>(page: Page, what: Order["what"], id = "toy/vit"): Promise<T> =>
  (await outcome<T>(page, await order(page, what, id))) as T;

const arrived = (page: Page, number: number, bytes: number) =>
  page.waitForFunction(([n, b]) => ((globalThis as WithDesk).desk?.done.get(n) ?? 0) >= b, [number, bytes] as const);

async function visit(story: (page: Page) => Promise<void>): Promise<void> {
  hub = await startHub([{ id: "toy/vit", revision: REVISION, files }]);
  const { page, problems } = await open(browser, site.url);
  try {
    await story(page).catch((cause: unknown) => {
      throw new Error([String(cause), ...problems].join("\n"), { cause });
    });
    expect(problems).toEqual([]);
  } finally {
    await page.context().close();
    await hub.close();
  }
}

test("a download goes on after a reload, and the model is there without the network", () =>
  visit(async (page) => {
    const small = [...files.values()].reduce((sum, { length }) => sum + length, 0) - WEIGHTS.length;
    hub.mood.hold = (file) => (file === "model.safetensors" ? 5 * MB : undefined);
    await arrived(page, await order(page, "download", "toy/vit"), 4 * MB);
    await page.reload();

    expect(await ask<string>(page, "open")).toBe("missing");
    const seen = await ask<Inspection>(page, "inspect");
    expect(seen.cached).toBeGreaterThanOrEqual(4 * MB);
    expect(seen.cached).toBeLessThanOrEqual(5 * MB + small);
    hub.mood.hold = undefined;
    expect(await ask(page, "download")).toBeUndefined();
    expect(hub.served.at(-1)!.range).toBe(`bytes=${seen.cached - small}-`);
    expect(await ask(page, "open")).toBe(SHA256);

    await page.reload();
    await hub.close();
    expect(await ask(page, "open")).toBe(SHA256);
    const [cached] = await ask<Cached[]>(page, "list");
    expect(cached).toMatchObject({ id: "toy/vit", revision: REVISION, complete: true });
    await ask(page, "remove");
    expect(await ask(page, "list")).toEqual([]);
    expect(await ask(page, "open")).toBe("missing");
  }));

test("two tabs do not write one file", () =>
  visit(async (page) => {
    hub.mood.hold = (file) => (file === "model.safetensors" ? MB : undefined);
    await arrived(page, await order(page, "download", "toy/vit"), MB / 2);
    const other = await page.context().newPage();
    await other.goto(site.url);
    expect(await ask(other, "download")).toBe("locked");
    expect(await ask(other, "remove")).toBe("locked");
    await page.close();
    hub.mood.hold = undefined;
    expect(await ask(other, "download")).toBeUndefined();
    expect(await ask(other, "open")).toBe(SHA256);
  }));

test("a full disk is told, and what has come is kept", () =>
  visit(async (page) => {
    const session = await page.context().newCDPSession(page);
    const origin = new URL(site.url).origin;
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 3 * MB });
    expect(await ask(page, "download")).toBe("quota");
    const seen = await ask<Inspection>(page, "inspect");
    expect(seen.cached).toBeGreaterThan(MB);
    expect(seen.cached).toBeLessThan(3 * MB);
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 100 * MB });
    expect(await ask(page, "download")).toBeUndefined();
    expect(await ask(page, "open")).toBe(SHA256);
  }));

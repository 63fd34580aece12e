/** After the first visit the page needs no network; a newer version comes whole, or not at all. */
import { createHash } from "node:crypto";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { open, serve } from "./browser/harness.mjs";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const LONG = { timeout: 5 * MINUTE, interval: 100 };
const SETTINGS = "#steps=1&batch=4&match=0&validation=0.05&targets=q&lanes=lora_rank-4_alpha-8";

const app = stage();

/** Whether the page is served from the copy. */
const isCopied = (page: Page): Promise<boolean> => page.evaluate(() => navigator.serviceWorker.controller !== null);
const version = (page: Page): Promise<string | null> => page.locator('meta[name="version"]').getAttribute("content");
const digest = (bytes: string | Buffer): string => `sha256-${createHash("sha256").update(bytes).digest("base64")}`;

/** Makes of a built folder what a later build would be: one file differs, and all that names it. */
function release(folder: string, next: string): void {
  const at = (name: string) => join(folder, name);
  const rewrite = (name: string, change: (text: string) => string): void => {
    writeFileSync(at(name), change(readFileSync(at(name), "utf8")));
  };
  const old = /name="version" content="(\w+)"/.exec(readFileSync(at("index.html"), "utf8"))?.[1] as string;
  const before = ["icon.svg", "index.html"].map((name) => digest(readFileSync(at(name))));
  rewrite("icon.svg", (text) => `${text}<!-- ${next} -->`);
  rewrite("index.html", (text) => text.replace(old, next));
  const after = ["icon.svg", "index.html"].map((name) => digest(readFileSync(at(name))));
  rewrite("sw.js", (text) => before.reduce((code, digest, i) => code.replace(digest, after[i] as string), text.replace(old, next)));
}

test(
  "after one visit a reload without the network opens the page, trains on a sample and exports",
  async () => {
    const { url, close } = await serve(app.built);
    await visit(app.browser, url + SETTINGS, async (page, problems) => {
      await expect.poll(() => isCopied(page), LONG).toBe(true);
      close();
      await page.context().setOffline(true);
      await expect(page.evaluate((address) => fetch(address), `${url}nowhere`)).rejects.toThrow();
      problems.length = 0;

      await page.reload();
      await button(page, "Load sample").click();
      await button(page, "Train")
        .and(page.locator(":enabled"))
        .click({ timeout: 2 * MINUTE });
      await expect.poll(() => region(page, "Race").innerText(), LONG).toMatch(/step 1 \/ 1[\s\S]*Done|Done[\s\S]*step 1 \/ 1/);
      await button(page, "Export").click();
      const dialog = page.getByRole("dialog", { name: "Export" });
      await dialog.getByRole("radio", { name: /^ONNX/ }).check();
      const [file] = await Promise.all([page.waitForEvent("download", { timeout: 5 * MINUTE }), button(dialog, "Download ONNX").click()]);
      expect(file.suggestedFilename()).toBe("fullrank-lora-eurosat-onnx.zip");
      await dialog.getByText("Largest difference of a logit").waitFor({ timeout: 2 * MINUTE });
    });
  },
  15 * MINUTE,
);

test(
  "a newer version is taken whole, when it is asked for and no other tab shows the old one",
  async () => {
    const live = join(app.scratch, "live");
    cpSync(app.built, live, { recursive: true });
    const { url, close } = await serve(live);
    const { page } = await open(app.browser, url);
    try {
      await expect.poll(() => isCopied(page), LONG).toBe(true);
      const first = await version(page);
      const update = () => page.evaluate(async () => void (await (await navigator.serviceWorker.ready).update()));
      const icon = () => page.evaluate(async () => (await fetch("icon.svg")).text());

      // Half of it is on the server: the file that differs is still the old one.
      const whole = readFileSync(join(live, "icon.svg"));
      release(live, "second");
      const changed = readFileSync(join(live, "icon.svg"));
      writeFileSync(join(live, "icon.svg"), whole);
      await update();
      await expect.poll(() => page.evaluate(async () => (await navigator.serviceWorker.ready).installing), LONG).toBeNull();
      expect(await page.evaluate(async () => (await navigator.serviceWorker.ready).waiting)).toBeNull();
      await page.reload();
      expect(await version(page)).toBe(first);

      // Now all of it.
      writeFileSync(join(live, "icon.svg"), changed);
      await update();
      await button(page, "New version: reload").waitFor({ timeout: MINUTE });
      await page.reload();
      expect(await version(page)).toBe(first);
      expect(await icon()).not.toContain("second");

      const other = await page.context().newPage();
      await other.goto(url);
      await button(page, "New version: reload").click();
      await page.getByText("Close the other tabs").waitFor();
      expect(await version(page)).toBe(first);
      await other.close();
      await button(page, "New version: reload").click();
      await expect.poll(() => version(page).catch(() => null), LONG).toBe("second");
      expect(await icon()).toContain("second");
      await expect.poll(() => page.evaluate(() => caches.keys()), LONG).toEqual(["fullrank second"]);
    } finally {
      close();
      await page.context().close();
    }
  },
  10 * MINUTE,
);

test(
  "the page can be installed: its manifest names icons of the sizes that browsers ask for",
  () =>
    visit(app.browser, app.url, async (page) => {
      const session = await page.context().newCDPSession(page);
      const manifest = () => session.send("Page.getAppManifest");
      await expect.poll(async () => (await manifest()).data ?? "", LONG).not.toBe("");
      const { data = "", errors } = await manifest();
      expect(errors).toEqual([]);
      expect(JSON.parse(data)).toMatchObject({ short_name: "Fullrank", start_url: "./", display: "standalone" });
      const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
      expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito")).toEqual([]);
    }),
  MINUTE,
);

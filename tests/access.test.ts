/** The page for everyone: no violation that axe knows in any state, and a whole run by keyboard alone. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { drop, launch } from "./browser/harness.mjs";
import { smallSet } from "./browser/set.ts";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const LONG = { timeout: 5 * MINUTE, interval: 100 };
const SETTINGS = "#steps=2&batch=4&match=0&targets=q&lanes=lora_rank-4_alpha-8*randlora_rank-16_alpha-160";
const AXE = readFileSync(join(import.meta.dirname, "../node_modules/axe-core/axe.min.js"), "utf8");

const app = stage();

interface Axe {
  run(context: Document, options: object): Promise<AxeResults>;
}

/** What axe finds, in light and dark, on a phone and on a desk. */
async function violations(page: Page, state: string): Promise<string[]> {
  const found: string[] = [];
  for (const width of [1440, 360]) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(AXE);
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: Axe }).axe.run(document, { resultTypes: ["violations"] }),
      );
      for (const { id, nodes } of violations) {
        for (const { html, failureSummary } of nodes.slice(0, 3))
          found.push(`${state}, ${width} px, ${colorScheme}: ${id}: ${html.slice(0, 160)} ${failureSummary?.split("\n")[1]?.trim()}`);
      }
    }
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  return found;
}

/** What opens over the page, and what it is looked at by. */
const OPENED: readonly (readonly [name: string | RegExp, shown: (page: Page) => Locator])[] = [
  ["How this works", (page) => page.getByRole("dialog").getByRole("heading", { name: "Rank" })],
  [/^Model/, (page) => page.getByRole("dialog").getByRole("button", { name: "Look up" })],
  [/^Settings of RandLoRA/, (page) => page.getByRole("dialog").getByRole("slider").first()],
  ["More", (page) => page.getByRole("dialog").getByRole("slider").first()],
  ["Import adapter", (page) => page.getByRole("dialog")],
  ["Add method", (page) => page.getByRole("menu")],
  ["This page", (page) => page.getByRole("menu")],
  ["Rank of the update", (page) => page.getByRole("dialog")],
];

test(
  "axe finds nothing: empty, with images, while it trains, afterwards, in every dialog",
  () =>
    visit(app.browser, app.url + SETTINGS, async (page) => {
      await button(page, /^Model CLIP-tiny/).waitFor();
      const found = await violations(page, "empty");
      await drop(page, region(page, "Images"), [await smallSet(app)]);
      await button(page, "Train").and(page.locator(":enabled")).waitFor({ timeout: MINUTE });
      found.push(...(await violations(page, "with images")));
      for (const [name, shown] of OPENED) {
        await button(page, name).first().click();
        await shown(page).waitFor();
        found.push(...(await violations(page, String(name))));
        await page.keyboard.press("Escape");
        await shown(page).waitFor({ state: "hidden" });
      }
      for (const item of ["Nothing leaves this machine", "Storage"]) {
        await button(page, "This page").click();
        await page.getByRole("menuitem", { name: item }).click();
        await page.getByRole("dialog", { name: item }).waitFor();
        found.push(...(await violations(page, item)));
        await page.keyboard.press("Escape");
      }
      await button(page, "Train").click();
      await button(page, "Pause").waitFor();
      found.push(...(await violations(page, "training")));
      await expect.poll(() => region(page, "Race").innerText(), LONG).toMatch(/step 2 \/ 2[\s\S]*Done|Done[\s\S]*step 2 \/ 2/);
      await expect.poll(() => region(page, "Race").locator(".recharts-wrapper").count(), LONG).toBeGreaterThanOrEqual(2);
      found.push(...(await violations(page, "done")));
      const tables = page.getByRole("button", { name: "Table" });
      while ((await tables.count()) > 0) await tables.first().click();
      found.push(...(await violations(page, "tables")));
      await button(page, "Export").click();
      await page.getByRole("dialog", { name: "Export" }).getByRole("radio", { name: /^PEFT/ }).waitFor();
      found.push(...(await violations(page, "export")));
      await page.keyboard.press("Escape");
      await page.goto(`${app.url}#lab`);
      await button(page, "Run").waitFor();
      found.push(...(await violations(page, "lab")));
      expect(found).toEqual([]);
    }),
  15 * MINUTE,
);

test(
  "axe finds nothing where there is no WebGPU",
  async () => {
    const without = await launch({ webgpu: false });
    await visit(without, app.url, async (page) => {
      await page.getByRole("alert").filter({ hasText: "WebGPU" }).waitFor({ timeout: MINUTE });
      expect(await violations(page, "no WebGPU")).toEqual([]);
    }).finally(() => without.close());
  },
  3 * MINUTE,
);

/** Tab, or Shift+Tab, until the element has the focus. */
async function tabTo(page: Page, target: Locator, key: "Tab" | "Shift+Tab" = "Tab"): Promise<void> {
  for (let presses = 0; presses < 120; presses++) {
    if (await target.evaluate((element) => element === document.activeElement).catch(() => false)) return;
    await page.keyboard.press(key);
  }
  throw new Error(`${String(target)} cannot be reached with ${key}`);
}

test(
  "by keyboard alone: load a sample, set a field, train, read the result, export; the focus is never lost",
  () =>
    visit(app.browser, `${app.url}#steps=2&batch=4&validation=0.05&test=0.05&match=0&targets=q&lanes=lora_rank-4_alpha-8`, async (page) => {
      const isLost = () => page.evaluate(() => document.activeElement === null || document.activeElement === document.body);
      await button(page, "Load sample").waitFor();
      await tabTo(page, button(page, "Load sample"));
      await page.keyboard.press("Enter");
      await button(page, "Train")
        .and(page.locator(":enabled"))
        .waitFor({ timeout: 2 * MINUTE });

      const steps = region(page, "Lanes").getByLabel("Steps", { exact: true });
      await tabTo(page, steps);
      await page.keyboard.press("Control+A");
      await page.keyboard.type("1");
      await page.keyboard.press("Enter");
      expect(new URL(page.url()).hash).toContain("steps=1");

      await tabTo(page, button(page, "Train"), "Shift+Tab");
      await page.keyboard.press("Enter");
      await expect.poll(() => region(page, "Race").innerText(), LONG).toMatch(/step 1 \/ 1[\s\S]*Done|Done[\s\S]*step 1 \/ 1/);
      expect(await isLost()).toBe(false);
      const accuracy = region(page, "Result").getByRole("row", { name: /accuracy/i });
      expect(await accuracy.first().innerText()).toMatch(/\d/);

      await tabTo(page, button(page, "Export"), "Shift+Tab");
      await page.keyboard.press("Enter");
      const dialog = page.getByRole("dialog", { name: "Export" });
      await dialog.getByRole("radio", { name: /^PEFT/ }).waitFor();
      const take = button(dialog, "Download adapter");
      await tabTo(page, take);
      const [file] = await Promise.all([page.waitForEvent("download", { timeout: 5 * MINUTE }), page.keyboard.press("Enter")]);
      expect(file.suggestedFilename()).toBe("fullrank-lora-eurosat.zip");
      await dialog.getByText("adapter_model.safetensors").last().waitFor();
      expect(await take.evaluate((element) => element === document.activeElement)).toBe(true);
      await page.keyboard.press("Escape");
      await expect.poll(() => button(page, "Export").evaluate((element) => element === document.activeElement)).toBe(true);
    }),
  15 * MINUTE,
);

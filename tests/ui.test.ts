/** The whole app in a real browser, through its accessible names only: what a visitor can do, and what the page answers. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlobReader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { drop, launch } from "./browser/harness.mjs";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const SAMPLE = join(import.meta.dirname, "../public/data/eurosat-mini.zip");
const CLASSES = [
  "AnnualCrop",
  "Forest",
  "HerbaceousVegetation",
  "Highway",
  "Industrial",
  "Pasture",
  "PermanentCrop",
  "Residential",
  "River",
  "SeaLake",
];
const PER_CLASS = 60;
/** A software adapter needs some ten seconds for a step of eight images and one method. */
const STEPS = 6;
const BATCH = 8;
/** Low enough that the few steps of this test take RandLoRA past it. */
const LORA_RANK = 8;
const LONG = { timeout: 15 * MINUTE, interval: 250 };

const app = stage();

const setting = (page: Page, label: string): Locator => region(page, "Lanes").getByLabel(label, { exact: true });

/** A class name on the page may have spaces where the folder has none. */
const spaced = (name: string): RegExp => new RegExp(name.replace(/(?<=[a-z])(?=[A-Z])/g, "\\s?"), "i");

async function set(place: Locator, label: string, value: number): Promise<void> {
  const field = place.getByLabel(label, { exact: true });
  await field.click();
  await field.fill(String(value));
  await field.press("Tab");
}

/** The first number "n" of "n/STEPS" in the race, or 0 before there is one. */
async function step(page: Page): Promise<number> {
  const text = await region(page, "Race").innerText();
  return Number(new RegExp(`(\\d+)\\s*/\\s*${STEPS}(?!\\d)`).exec(text)?.[1] ?? 0);
}

/** A table as the rows' cells. */
const cells = (table: Locator): Promise<string[][]> =>
  table.evaluate((element) =>
    [...element.querySelectorAll("tr")].map((row) => [...row.querySelectorAll("th, td")].map((cell) => cell.textContent?.trim() ?? "")),
  );

const number = (text: string | undefined): number => Number.parseFloat((text ?? "").replace(/[^\d.eE+-]*/, ""));
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The column of a lane in a table whose header names it: "LoRA r32" is not "RandLoRA r2". */
const column = (header: readonly string[], method: string): number => header.findIndex((title) => title.startsWith(method));

async function oneImage(): Promise<string> {
  const zip = new ZipReader(new BlobReader(new Blob([readFileSync(SAMPLE)])));
  const entry = (await zip.getEntries()).find(({ filename }) => filename.includes("/Forest/") && filename.endsWith(".jpg"));
  if (!entry || entry.directory) throw new Error("the sample has no forest");
  const path = join(app.scratch, "forest.jpg");
  writeFileSync(path, await entry.getData(new Uint8ArrayWriter()));
  await zip.close();
  return path;
}

test(
  "a visitor drops a zip, races LoRA against RandLoRA, and finds the settings again",
  () =>
    visit(app.browser, `${app.url}#validation=0.05&test=0`, async (page) => {
      await drop(page, region(page, "Images"), [SAMPLE]);
      const rows = region(page, "Images").getByRole("row");
      for (const name of CLASSES) {
        const row = rows.filter({ hasText: spaced(name) }).filter({ hasText: new RegExp(`(?<!\\d)${PER_CLASS}(?!\\d)`) });
        await expect.poll(() => row.count(), { ...LONG, timeout: MINUTE, message: `${name}: ${PER_CLASS}` }).toBe(1);
      }

      await page.getByRole("button", { name: /^Settings of LoRA/ }).click();
      await set(page.getByRole("dialog"), "Rank r", LORA_RANK);
      await page.keyboard.press("Escape");
      await set(region(page, "Lanes"), "Batch", BATCH);
      await set(region(page, "Lanes"), "Steps", STEPS);
      await button(page, "Train").click();

      await expect.poll(() => step(page), LONG).toBeGreaterThanOrEqual(1);
      await button(page, "Pause").click();
      await button(page, "Resume").waitFor({ timeout: LONG.timeout }); // the steps that are under way end first
      const paused = await step(page);
      expect(paused).toBeLessThan(STEPS);
      await page.waitForTimeout(3000);
      expect(await step(page)).toBe(paused);

      await button(page, "Resume").click();
      await expect.poll(() => step(page), LONG).toBe(STEPS);
      await button(page, "Pause").waitFor({ state: "hidden", timeout: 10 * MINUTE });

      const loss = region(page, "Race").getByRole("figure").filter({ hasText: /loss/i }).first();
      await loss.getByRole("button", { name: /table/i }).click();
      const [header = [], ...body] = await cells(loss.getByRole("table"));
      for (const method of ["LoRA", "RandLoRA"]) {
        const losses = body.map((row) => number(row[column(header, method)])).filter(Number.isFinite);
        expect(losses.length, `losses of ${method}`).toBeGreaterThanOrEqual(4);
        expect(mean(losses.slice(-2)), `the last losses of ${method}`).toBeLessThan(mean(losses.slice(0, 2)));
      }

      const ranks = async () => {
        const [header = [], ...facts] = await cells(region(page, "Result").getByRole("table").first());
        const rank = facts.find(([name]) => /rank/i.test(name ?? "")) ?? [];
        const lora = column(header, "LoRA");
        return {
          lora: number(rank[lora]),
          randlora: number(rank[column(header, "RandLoRA")]),
        };
      };
      await expect.poll(async () => (await ranks()).randlora, LONG).toBeGreaterThan(0);
      const { lora, randlora } = await ranks();
      expect(lora).toBeLessThanOrEqual(LORA_RANK);
      expect(randlora).toBeGreaterThan(LORA_RANK);

      await drop(page, region(page, "Result"), [await oneImage()]);
      const prediction = region(page, "Result").getByRole("group", { name: /prediction/i });
      await expect.poll(() => prediction.innerText().catch(() => ""), { ...LONG, timeout: 5 * MINUTE }).toMatch(/\d\s?%/);
      const answer = await prediction.innerText();
      expect(answer).toMatch(/(?<!Rand)LoRA/);
      expect(answer).toContain("RandLoRA");
      expect(
        CLASSES.some((name) => spaced(name).test(answer)),
        answer,
      ).toBe(true);

      const hash = new URLSearchParams(new URL(page.url()).hash.slice(1));
      expect(Object.fromEntries(hash)).toMatchObject({ batch: String(BATCH), steps: String(STEPS), validation: "0.05", test: "0" });
      await page.reload();
      await expect.poll(() => setting(page, "Batch").inputValue(), { timeout: MINUTE }).toBe(String(BATCH));
      expect(await setting(page, "Steps").inputValue()).toBe(String(STEPS));
    }),
  40 * MINUTE,
);

test(
  "without WebGPU the page says so, and what to do",
  async () => {
    const browser = await launch({ webgpu: false });
    await visit(browser, app.url, async (page) => {
      const notice = page.getByRole("alert").filter({ hasText: "WebGPU" });
      await notice.waitFor({ timeout: MINUTE });
      expect(await notice.textContent()).toMatch(/chrome|edge|firefox|safari|flag|driver|update/i);
      expect(await page.getByRole("button", { name: "Train", exact: true }).and(page.locator(":enabled")).count()).toBe(0);
    }).finally(() => browser.close());
  },
  3 * MINUTE,
);

/** Several seeds in one go, in a real browser: the table with its intervals, what is kept across a reload, and what leaves the page. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlobReader, BlobWriter, ZipWriter } from "@zip.js/zip.js";
import type { Download, Locator, Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { adapterConfig } from "../src/formats/config.ts";
import { writePeft } from "../src/formats/peft.ts";
import { readRecord } from "../src/store/runsread.ts";
import { drop } from "./browser/harness.mjs";
import { someOf } from "./browser/set.ts";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const LONG = { timeout: 4 * MINUTE, interval: 100 };
/** A name that would be markup in a report and a formula in a spreadsheet. */
const HOSTILE = "=1+1 <img src=x onerror=alert(1)>";
const BASE = "batch=4&match=0&targets=q";
const TWO_LANES = "lanes=lora_rank-4_alpha-8*randlora_rank-16_alpha-160";

let images: string;
const app = stage({ toy: true });
beforeAll(async () => {
  images = await hostileSet();
});

/** Twenty images of each of two classes, one of which has a hostile name. */
const hostileSet = (): Promise<string> =>
  someOf(app, (path) => {
    const [, name, file] = /(Forest|River)\/(\w+_0[01]\d\.jpg)$/.exec(path) ?? [];
    return name && file && `set/${name === "Forest" ? HOSTILE : name}/${file}`;
  });

const openRuns = (page: Page) => page.getByRole("tab", { name: "Runs" }).click();

/** Opens the page with images in it. */
const race = (hash: string, story: (page: Page) => Promise<void>): Promise<void> =>
  visit(app.browser, `${app.url}#${hash}`, async (page) => {
    await drop(page, region(page, "Images"), [images]);
    await openRuns(page);
    await story(page);
  });

/** Whether the browser would ask before it leaves. */
const holds = (page: Page): Promise<boolean> => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));

async function train(page: Page, races: number): Promise<void> {
  await button(page, "Train").and(page.locator(":enabled")).click({ timeout: MINUTE });
  expect(await holds(page)).toBe(true);
  const text = () => region(page, "Race").innerText();
  await expect.poll(text, LONG).toMatch(races > 1 ? new RegExp(`${races} of ${races} races`) : /Done/);
  await button(page, "Train").waitFor();
  await expect.poll(() => holds(page), LONG).toBe(false);
}

const rows = (page: Page): Locator => region(page, "Kept runs").getByRole("row");

async function take(page: Page, press: () => Promise<void>): Promise<{ readonly path: string; readonly text: string }> {
  const coming = page.waitForEvent("download", { timeout: MINUTE });
  await press();
  const file: Download = await coming;
  const path = join(app.scratch, file.suggestedFilename());
  await file.saveAs(path);
  return { path, text: readFileSync(path, "utf8") };
}

/** RFC 4180: cells with commas stand in quotes. */
function parseCsv(text: string): string[][] {
  const lines = text.replace("\ufeff", "").trim().split("\r\n");
  return lines.map((line) =>
    Array.from(line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g), ([, quoted, bare]) => quoted ?? bare ?? ""),
  );
}

/** An adapter whose update is beyond float32: its lane diverges in the first step. */
async function endlessAdapter(): Promise<string> {
  const [rank, width] = [4, 24];
  const huge = (rows: number, cols: number) => ({ shape: [rows, cols], data: new Float32Array(rows * cols).fill(1e25) });
  const paths = [0, 1].map((block) => `vision_model.encoder.layers.${block}.self_attn.q_proj`);
  const own = { r: rank, lora_alpha: 8, lora_dropout: 0, init_lora_weights: true };
  const factors = new Map([
    ["lora_A.weight", huge(rank, width)],
    ["lora_B.weight", huge(width, rank)],
  ]);
  const files = writePeft({
    config: adapterConfig("LORA", { baseModel: null, targetModules: paths, saved: [] }, own),
    modules: new Map(paths.map((path) => [path, factors])),
    shared: new Map(),
    saved: new Map(),
  });
  const writer = new ZipWriter(new BlobWriter());
  for (const [file, bytes] of files) await writer.add(file, new BlobReader(new Blob([bytes])));
  const path = join(app.scratch, "endless.zip");
  writeFileSync(path, Buffer.from(await (await writer.close()).arrayBuffer()));
  return path;
}

test(
  "two seeds of two methods: intervals, bands, a run that outlives the page, and all that can be taken of it",
  () =>
    race(`steps=6&seeds=2&${BASE}&${TWO_LANES}`, async (page) => {
      const cautions = page.getByRole("list", { name: "Before you train" });
      await expect.poll(() => cautions.innerText(), LONG).toMatch(/Accuracy will be measured on 8 test images/);
      await train(page, 2);
      const result = region(page, "Result");
      const cells = (name: RegExp) => result.getByRole("row", { name }).getByRole("cell").allInnerTexts();
      await expect
        .poll(() => cells(/^Test accuracy/), LONG)
        .toEqual([expect.stringMatching(/^\d+\.\d % ± \d+\.\d$/), expect.stringMatching(/^\d+\.\d % ± \d+\.\d$/)]);
      const headline = result.getByRole("status").filter({ hasText: /^(LoRA|RandLoRA)( and RandLoRA are level| is ahead)/ });
      const [line, table] = await Promise.all([headline.boundingBox(), result.getByRole("table").first().boundingBox()]);
      expect(line?.y).toBeGreaterThan(0);
      expect((line?.y ?? 0) + (line?.height ?? 0)).toBeLessThanOrEqual(table?.y ?? 0);
      const led = (await headline.innerText()).includes("ahead") ? 1 : 0;
      expect(await result.getByRole("columnheader", { name: "▲ ahead" }).count()).toBe(led);
      expect(await result.getByRole("row", { name: /^Zero-shot \d/ }).count()).toBe(1);
      const zero = await cells(/^Zero-shot/);
      expect(await result.getByRole("heading", { name: "Try an image" }).innerText()).toContain("seed 2 of 2");

      // What was said before the race is not said again; what is new is.
      expect(await cautions.count()).toBe(0);
      const batch = region(page, "Lanes").getByLabel("Batch", { exact: true });
      for (const [value, said] of [
        ["60", 1],
        ["4", 0],
      ] as const) {
        await batch.fill(value);
        await batch.press("Enter");
        await expect.poll(() => cautions.count(), LONG).toBe(said);
      }

      await button(page, "Export").click();
      const dialog = page.getByRole("dialog", { name: "Export" });
      await dialog.getByText("Weights of seed 2 of 2").waitFor();
      const place = async () => [await dialog.boundingBox(), await button(dialog, "Download adapter").boundingBox()].map((box) => box?.y);
      const steady = await place();
      await take(page, () => button(dialog, "Download adapter").click());
      await dialog.getByText("is among your downloads").waitFor();
      expect(await place()).toEqual(steady);
      await page.keyboard.press("Escape");

      expect(await cells(/^Exported/)).toEqual([expect.stringMatching(/KiB/), expect.stringMatching(/KiB/)]);
      expect(await result.innerText()).toMatch(/over 2 seeds|got equally many of 8 test images, over 2 seeds right/);
      const loss = region(page, "Race").getByRole("figure").filter({ hasText: /loss/i }).first();
      await expect.poll(() => loss.innerText(), LONG).toMatch(/mean over 2 seeds: LoRA [\d.]+, RandLoRA [\d.]+\. Band: least to greatest/);

      await page.reload();
      await openRuns(page);
      await expect.poll(() => rows(page).count(), LONG).toBe(2);
      await button(rows(page), /^Open /).click();
      await expect.poll(() => page.evaluate(() => document.activeElement?.tagName), LONG).toBe("H3");
      const inView = () => page.evaluate(() => (document.activeElement?.getBoundingClientRect().bottom ?? Infinity) < innerHeight / 2);
      expect(await inView()).toBe(true);
      const run = page.getByRole("article");
      await expect.poll(() => run.innerText(), LONG).toMatch(/Test accuracy[\s\S]*±/);

      const json = await take(page, () => button(run, "JSON").click());
      const record = readRecord(json.text);
      expect(record.results.map(({ seed }) => seed)).toEqual([0, 1]);
      expect(record.results[0]?.lanes).toHaveLength(2);
      expect(record.tested).toMatchObject({ part: "test" });
      // Eight test images, the same under both seeds.
      expect(record.results.map(({ before }) => `${(100 * (before ?? 0)).toFixed(1)} %`)).toEqual(zero);
      expect((8 * (record.results[0]?.before ?? 0.01)) % 1).toBe(0);
      expect(record.tested?.digests[0]).toMatch(/^[0-9a-f]{64}$/);
      expect(record.data.classes).toContain(HOSTILE);

      const figures = await take(page, () => button(run, "CSV of figures").click());
      const [head = [], ...body] = parseCsv(figures.text);
      expect(body.map((row) => row.length)).toEqual(Array(4).fill(head.length));
      expect(body.map((row) => [row[head.indexOf("seed")], row[head.indexOf("method")], row[head.indexOf("outcome")]])).toEqual([
        ["0", "lora", "done"],
        ["0", "randlora", "done"],
        ["1", "lora", "done"],
        ["1", "randlora", "done"],
      ]);
      expect((await take(page, () => button(run, "CSV of curves").click())).text).toMatch(/\r\n[^\r]*,lora,6,/);

      const report = await take(page, () => button(run, "Report").click());
      expect(report.text).not.toContain("<img");
      expect(report.text).toContain("&lt;img src=x onerror=alert(1)&gt;");
      expect(report.text.match(/<svg/g)).toHaveLength(2);
      const reader = await app.browser.newContext({ offline: true });
      const asked: string[] = [];
      reader.on("request", (request) => asked.push(request.url()));
      const sheet = await reader.newPage();
      await sheet.setContent(report.text);
      expect(await sheet.locator("h1").innerText()).toBe(record.name);
      expect(await sheet.locator("svg path").count()).toBeGreaterThan(2);
      expect(asked).toEqual([]);
      await reader.close();

      const chart = run.getByRole("figure").first();
      const picture = async (form: "PNG" | "SVG") => {
        await button(chart, "Save the chart").click();
        const taken = await take(page, () => button(page.getByRole("dialog"), form).click());
        await page.keyboard.press("Escape");
        return taken;
      };
      const svg = await picture("SVG");
      const drawn = await page.evaluate((text) => {
        const { documentElement: root } = new DOMParser().parseFromString(text, "image/svg+xml");
        const line = root.querySelector("path[stroke-width]");
        return { name: root.nodeName, stroke: line?.getAttribute("stroke"), classes: root.querySelectorAll("[class]").length };
      }, svg.text);
      expect(drawn).toEqual({ name: "svg", stroke: expect.stringMatching(/^(rgb|color|none)/), classes: 0 });
      expect(svg.text).not.toMatch(/var\(|light-dark/);
      const png = readFileSync((await picture("PNG")).path);
      const box = await chart.locator("svg.recharts-surface").first().boundingBox();
      expect(png.subarray(1, 4).toString()).toBe("PNG");
      expect(Math.abs(png.readUInt32BE(16) - 2 * (box?.width ?? 0))).toBeLessThanOrEqual(2);

      const before = region(page, "Race").getByRole("figure").filter({ hasText: /loss/i }).first().locator("path[stroke-opacity='0.65']");
      expect(await before.count()).toBe(0);
      await button(rows(page), /^Pin /).click();
      await expect.poll(() => before.count(), LONG).toBe(2);
      await button(rows(page), /^Pin /).click();
      await expect.poll(() => before.count(), LONG).toBe(0);

      const name = rows(page).getByLabel(/^Name of /);
      await name.fill("My run");
      await name.press("Enter");
      await button(rows(page), "Delete My run").click();
      await expect.poll(() => rows(page).count(), LONG).toBe(0);
      await button(page, "Undo").click();
      await button(rows(page), "Close My run").waitFor();

      // On another machine: the file alone.
      await button(page, "Delete all").click();
      await expect.poll(() => rows(page).count(), LONG).toBe(0);
      for (const file of [json.path, images]) {
        const [chooser] = await Promise.all([page.waitForEvent("filechooser"), button(page, "Import").last().click()]);
        await chooser.setFiles(file);
      }
      await expect.poll(() => rows(page).count(), LONG).toBe(2);
      await page.getByText("two.zip was not taken: it is not JSON.").waitFor();

      await button(region(page, "Lanes"), /^Remove RandLoRA/).click();
      await button(page.getByRole("article"), "Set up like this").click();
      await expect.poll(() => new URL(page.url()).hash).toMatch(/randlora_rank-16[\s\S]*seeds=2/);
    }),
  8 * MINUTE,
);

test(
  "a method that diverges is reported, and the other goes on under every seed",
  () =>
    race(`steps=4&seeds=2&${BASE}&lanes=randlora_rank-16_alpha-160`, async (page) => {
      await drop(page, region(page, "Lanes"), [await endlessAdapter()]);
      const found = page.getByRole("dialog", { name: "Import adapter" });
      await button(found, "Add as a lane").click({ timeout: MINUTE });
      await found.waitFor({ state: "hidden" });
      await train(page, 2);
      const cells = region(page, "Result")
        .getByRole("row", { name: /^Test accuracy/ })
        .getByRole("cell");
      await expect
        .poll(() => cells.allInnerTexts(), LONG)
        .toEqual([expect.stringMatching(/^\d+\.\d % ± \d+\.\d$/), "diverged in 2 of 2 seeds"]);
      await expect.poll(() => rows(page).count(), LONG).toBe(2);
      await expect.poll(() => rows(page).last().innerText(), LONG).toMatch(/diverged/);
    }),
  6 * MINUTE,
);

test(
  "stopped in its second seed, a run keeps the first",
  () =>
    race(`steps=400&seeds=3&${BASE}&${TWO_LANES}`, async (page) => {
      await page.getByRole("region", { name: "Race", exact: true }).waitFor();
      await button(page, "Train").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await expect.poll(() => region(page, "Race").innerText(), LONG).toMatch(/race 2 of 3/);
      await button(page, "Pause").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await button(page, "Resume").waitFor({ timeout: MINUTE });
      await button(page, "Stop").click();
      await expect.poll(() => region(page, "Race").innerText(), LONG).toMatch(/Stopped/);
      await expect.poll(() => rows(page).last().innerText(), LONG).toMatch(/1 of 3/);
      expect(await region(page, "Result").innerText()).toMatch(/Test accuracy\s+[\d.]+ % ±/);
    }),
  6 * MINUTE,
);

test(
  "a sweep from the address keeps every value, goes on where a run is missing, and draws what is there",
  () =>
    race(`steps=2&${BASE}&${TWO_LANES}&sweep=rank_2_4`, async (page) => {
      const closer = region(page, "Look closer");
      await page.getByRole("tab", { name: "Sweep" }).click();
      expect(await closer.getByLabel("Values").inputValue()).toBe("2, 4");
      await button(closer, "Start sweep").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await expect.poll(() => closer.innerText(), LONG).toMatch(/2 are there already\. All done/);
      const chart = closer.getByRole("figure").first();
      const dots = chart.locator("circle");
      await expect.poll(() => dots.count(), LONG).toBe(4);
      await expect
        .poll(() => chart.innerText(), LONG)
        .toMatch(/Best: LoRA .* by more than chance gives|Best: LoRA .*No difference beyond chance/);
      for (const name of ["Race", "Result"])
        expect(await region(page, name).innerText()).toContain("The last race of the sweep: LoRA, RandLoRA r 4.");
      await button(chart, /table/i).click();
      const starts = ["Method", "LoRA, 2", "LoRA, 4", "RandLoRA, 4", "RandLoRA, 2"];
      await expect
        .poll(() => chart.getByRole("row").allInnerTexts(), LONG)
        .toEqual(starts.map((start) => expect.stringMatching(new RegExp(`^${start}\\s`)) as string));
      await button(chart, /chart$/i).click();
      await page.getByRole("tab", { name: "Runs" }).click();
      await button(rows(page), /^Delete r 4: /).click();
      await page.getByRole("tab", { name: "Sweep" }).click();
      await expect.poll(() => closer.innerText(), LONG).toMatch(/2 races; 1 is there already\. About/);
      await page.reload();
      await page.getByRole("tab", { name: "Sweep" }).click();
      await expect.poll(() => dots.count(), LONG).toBe(2);
      await drop(page, region(page, "Images"), [images]);
      await button(closer, "Continue sweep").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await expect.poll(() => dots.count(), LONG).toBe(4);
    }),
  6 * MINUTE,
);

/** Images outlive the page: a reload, another tab and another model find them as they were left. In a real browser, through names that people see. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { SAMPLES } from "../src/data/samples.ts";
import { drop } from "./browser/harness.mjs";
import { png, writeZip } from "./browser/pictures.ts";
import { smallSet } from "./browser/set.ts";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const PUBLIC = join(import.meta.dirname, "../public");
const SOON = { timeout: MINUTE, interval: 100 };

let zip: string;
let model: string;
const app = stage();
beforeAll(async () => {
  zip = await smallSet(app);
  model = otherModel();
});

/** The bundled model, as one that sees less of each image. */
function otherModel(): string {
  const folder = join(app.scratch, "closer");
  mkdirSync(folder);
  cpSync(join(PUBLIC, "models/clip-tiny"), folder, { recursive: true });
  const file = join(folder, "preprocessor_config.json");
  const json = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...json, size: { shortest_edge: 80 } }));
  return folder;
}

const SAMPLE = Object.fromEntries(Object.values(SAMPLES[0]!.classes).map((name) => [name, 60]));

/** Class names and how many images each has, as the page shows them. */
async function classes(page: Page): Promise<Record<string, number>> {
  const rows = await region(page, "Images").getByRole("table", { name: "Classes" }).getByRole("row").all();
  const told = rows.map(async (row) => [
    await row.getByRole("rowheader").innerText(),
    Number(
      /\d+/.exec(
        await row
          .getByRole("cell")
          .allInnerTexts()
          .then((cells) => cells.join(" ")),
      )?.[0],
    ),
  ]);
  return Object.fromEntries(await Promise.all(told)) as Record<string, number>;
}

const shows = (page: Page, expected: Record<string, number>) =>
  expect.poll(() => classes(page).catch(() => null), { ...SOON, message: JSON.stringify(expected) }).toEqual(expected);

/** What the page answers a browser that is about to leave it: whether something would be lost. */
const holds = (page: Page): Promise<boolean> => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));

/** Leaves the page only when all is kept. */
async function reload(page: Page): Promise<void> {
  await expect.poll(() => holds(page), SOON).toBe(false);
  await page.reload();
}

async function rename(page: Page, from: string, to: string): Promise<void> {
  await button(region(page, "Images"), from).click();
  const input = page.getByLabel(`New name of class ${from}`);
  await input.fill(to);
  await input.press("Enter");
}

test("a reload finds the images and what was done to them, and two tabs do not hurt each other", () =>
  visit(app.browser, app.url, async (page) => {
    await drop(page, region(page, "Images"), [zip]);
    await shows(page, { Forest: 6, River: 6 });
    await rename(page, "Forest", "Wood");
    await shows(page, { River: 6, Wood: 6 });
    await reload(page);
    await shows(page, { River: 6, Wood: 6 });

    const other = await page.context().newPage();
    await other.goto(app.url);
    await shows(other, { River: 6, Wood: 6 });
    await button(other, "Remove class River").click();
    await shows(other, { Wood: 6 });
    await rename(page, "River", "Stream");
    await shows(page, { Stream: 6, Wood: 6 });
    await Promise.all([reload(page), reload(other)]);
    await shows(page, { Stream: 6, Wood: 6 });
    await shows(other, { Wood: 6 });
    await button(region(other, "Images"), "Clear").click();
    await reload(other);
    await shows(other, { Stream: 6, Wood: 6 }); // the newest that is left
    await other.close();
    await button(region(page, "Images"), "Clear").click();
    await reload(page);
    await region(page, "Images").getByText("Drop a folder or a zip").waitFor();
    expect(await region(page, "Images").getByRole("table").count()).toBe(0);
  }));

test("a page that is opened without an address finds the setup of the last visit; what an address says comes first", () =>
  visit(app.browser, `${app.url}#data=eurosat-mini&steps=20`, async (page) => {
    const field = (name: string) => region(page, "Lanes").getByLabel(name, { exact: true });
    const has = (name: string, value: string) => expect.poll(() => field(name).inputValue(), SOON).toBe(value);
    const prompt = async () => {
      await button(page, "More").click();
      const found = await page.getByLabel("Prompt").inputValue();
      await page.keyboard.press("Escape");
      return found;
    };
    await shows(page, SAMPLE);
    expect(await prompt()).toBe("a satellite photo of {class}.");
    await drop(page, region(page, "Race"), [zip]);
    await shows(page, { Forest: 6, River: 6 });
    expect(await prompt()).toBe("a photo of a {class}.");
    await field("Number of seeds").fill("3");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.url(), SOON).toMatch(/#steps=20&seeds=3$/);
    await expect.poll(() => holds(page), SOON).toBe(false);

    const later = await page.context().newPage();
    const at = async (address: string) => {
      await later.goto("about:blank");
      await later.goto(address);
      await shows(later, { Forest: 6, River: 6 });
      const [steps, seeds] = ["Steps", "Number of seeds"].map((name) => region(later, "Lanes").getByLabel(name, { exact: true }));
      return [new URL(later.url()).hash, await steps?.inputValue(), await seeds?.inputValue()];
    };
    expect(await at(app.url)).toEqual(["#steps=20&seeds=3", "20", "3"]);
    await button(later, "More").click();
    expect(await later.getByLabel("Prompt").inputValue()).toBe("a photo of a {class}.");
    expect(await at(`${app.url}#batch=8`)).toEqual(["#batch=8", "300", "1"]);

    // Each tab keeps to its own address; the one that wrote last is found by the next.
    await page.goto("about:blank");
    await page.goto(app.url);
    await has("Steps", "20");
    await later.evaluate(() => {
      sessionStorage.clear();
      localStorage.setItem("setup", "steps=7&nonsense=%E0%A4%A&lanes=evil&data=../..");
    });
    expect(await at(app.url)).toEqual(["#steps=7", "7", "1"]);
    expect(await later.locator(".notices").innerText()).not.toMatch(/link/);

    await later.getByRole("button", { name: "This page" }).click();
    await later.getByRole("menuitem", { name: "Storage" }).click();
    const shelf = region(later.getByRole("dialog", { name: "Storage" }), "Settings");
    await shelf.getByRole("button", { name: "Remove Settings of the last race" }).click();
    await button(shelf, "Yes, remove").click();
    await expect.poll(() => shelf.innerText(), SOON).not.toContain("Settings of the last race");
    expect(await at(app.url)).toEqual(["", "300", "1"]);
  }));

test("the same images imported again are kept once; what another tab has is told apart, and left to it", () =>
  visit(app.browser, app.url, async (page) => {
    const kept = async (on: Page) => {
      await button(on, "This page").click();
      await on.getByRole("menuitem", { name: "Storage" }).click();
      const shelf = region(on.getByRole("dialog", { name: "Storage" }), "Images");
      await shelf.getByRole("listitem").first().waitFor();
      const items = await shelf.getByRole("listitem").allInnerTexts();
      await on.keyboard.press("Escape");
      return items.filter((item) => item.includes("12 images")).map((item) => item.replaceAll(/\s+/g, " "));
    };
    const date = "\\w+ \\d+, \\d{4}, \\d+:\\d\\d:\\d\\d .M";
    const own = { Forest: 6, River: 6 };
    await drop(page, region(page, "Race"), [zip]);
    await shows(page, own);
    await expect.poll(() => holds(page), SOON).toBe(false);
    await button(page, "Load sample").click();
    await shows(page, SAMPLE);
    await expect.poll(() => holds(page), SOON).toBe(false);
    expect(await kept(page)).toEqual([expect.stringMatching(new RegExp(`12 images ${date} [^,]*$`))]);
    await drop(page, region(page, "Race"), [zip]);
    await shows(page, own);
    await expect.poll(() => holds(page), SOON).toBe(false);
    expect(await kept(page)).toEqual([expect.stringMatching(new RegExp(`12 images ${date}, in use here `))]);

    const other = await page.context().newPage();
    await other.goto(app.url);
    await shows(other, own);
    await button(other, "Load sample").click();
    await shows(other, SAMPLE);
    await drop(other, region(other, "Race"), [zip]);
    await shows(other, own);
    await expect.poll(() => holds(other), SOON).toBe(false);
    expect(await kept(other)).toEqual([expect.stringContaining("in use here"), expect.stringContaining("in use in another tab")]);
    await rename(page, "River", "Stream");
    await expect.poll(() => holds(page), SOON).toBe(false);
    await reload(other);
    await shows(other, own);
  }));

test("the browser asks before it leaves while a change is not kept yet", () =>
  visit(app.browser, app.url, async (page) => {
    await drop(page, region(page, "Images"), [zip]);
    await shows(page, { Forest: 6, River: 6 });
    await expect.poll(() => holds(page), SOON).toBe(false);
    const held = await button(page, "Remove class River").evaluate((element: HTMLElement) => {
      element.click();
      return !dispatchEvent(new Event("beforeunload", { cancelable: true }));
    });
    expect(held).toBe(true);
    await reload(page);
    await shows(page, { Forest: 6 });
  }));

test("a model that wants its images otherwise has them prepared again, edits and all", () =>
  visit(app.browser, app.url, async (page) => {
    await drop(page, region(page, "Images"), [zip]);
    await shows(page, { Forest: 6, River: 6 });
    await rename(page, "Forest", "Wood");
    const before = await page.locator("canvas.thumbs").first().screenshot();
    await drop(page, region(page, "Images"), [model]);
    await button(page, "Use this model").click();
    const status = region(page, "Race").getByRole("status").first();
    await expect.poll(() => status.innerText(), SOON).toBe("Ready.");
    await shows(page, { River: 6, Wood: 6 });
    await expect
      .poll(
        () =>
          page
            .locator("canvas.thumbs")
            .first()
            .screenshot()
            .then((shot) => shot.equals(before)),
        SOON,
      )
      .toBe(false);
  }));

test("images that are removed from the storage while others are read do not come back with them", () =>
  visit(app.browser, app.url, async (page) => {
    await drop(page, region(page, "Images"), [zip]);
    await shows(page, { Forest: 6, River: 6 });
    const more = join(app.scratch, "more.zip");
    writeZip(more, new Map(Array.from({ length: 1500 }, (_, i) => [`dots/${i}.png`, png(i)])));
    await drop(page, region(page, "Images"), [more]);
    await page.getByText("Reading your images:").first().waitFor();
    await button(page, "This page").click();
    await page.getByRole("menuitem", { name: "Storage" }).click();
    const shelf = region(page.getByRole("dialog", { name: "Storage" }), "Images");
    await shelf.getByRole("button", { name: /^Remove .*12 images/ }).click();
    await shelf.getByRole("button", { name: "Yes, remove" }).click();
    await expect.poll(() => shelf.innerText(), SOON).toMatch(/nothing/);
    await page.keyboard.press("Escape");
    await page.reload();
    await region(page, "Images").getByText("Drop a folder or a zip").waitFor();
    expect(await region(page, "Images").getByRole("table").count()).toBe(0);
  }));

/** Working on the images in a real browser: choosing, moving, deleting, taking back, by pointer and by key; out as a zip and in again. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BlobReader, TextWriter, ZipReader } from "@zip.js/zip.js";
import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { drop, launch } from "./browser/harness.mjs";
import { png, writeZip } from "./browser/pictures.ts";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
const SOON = { timeout: MINUTE, interval: 100 };

const app = stage();

const grid = (page: Page): Locator => page.getByRole("grid");
const cell = (page: Page, name: string): Locator => page.getByRole("gridcell", { name: new RegExp(`^${name},`) });
const said = (page: Page): Locator => page.getByRole("dialog", { name: "Work on the images" }).getByRole("status").first();
const aClass = (page: Page, name: string): Locator =>
  page.getByRole("listbox", { name: "Classes to work on" }).getByRole("option", { name: new RegExp(`^${name},`) });

/** A zip of `counts[c]` pictures in folder c: c/1.png … */
function zipOf(name: string, counts: Readonly<Record<string, number>>): string {
  const files = new Map<string, Buffer>();
  for (const [folder, count] of Object.entries(counts)) {
    for (let i = 1; i <= count; i++) files.set(`${folder}/${folder}-${i}.png`, png(files.size));
  }
  const path = join(app.scratch, name);
  writeZip(path, files);
  return path;
}

async function bring(page: Page, path: string, images: number): Promise<void> {
  await drop(page, region(page, "Images"), [path]);
  await region(page, "Images")
    .getByText(`${images.toLocaleString("en")} images`, { exact: true })
    .waitFor({ timeout: 5 * MINUTE });
}

async function work(page: Page): Promise<void> {
  await button(page, "Work on the images").click();
  await grid(page).waitFor({ timeout: MINUTE });
  // The parts are known when they can be filtered by.
  await expect.poll(() => page.getByLabel("Part", { exact: true }).first().isEnabled(), SOON).toBe(true);
}

const shows = (page: Page, words: string): Promise<void> => expect.poll(() => said(page).innerText(), SOON).toContain(words);

test(
  "five thousand images: choose, delete, undo, move, restore, filter, put into a part",
  () =>
    visit(app.browser, app.url, async (page) => {
      await bring(page, zipOf("many.zip", { ant: 2500, bee: 1500, cat: 1000 }), 5000);
      await work(page);
      await shows(page, "5,000 images of all classes");
      expect(await page.getByRole("gridcell").count()).toBeLessThan(400);

      // By pointer: one, a range, one less.
      await cell(page, "ant-1.png").click();
      await cell(page, "ant-5.png").click({ modifiers: ["Shift"] });
      await cell(page, "ant-3.png").click({ modifiers: ["Control"] });
      await shows(page, "4 selected");
      await page.keyboard.press("Delete");
      await shows(page, "4,996 images of all classes");
      await cell(page, "ant-3.png").waitFor();
      expect(await cell(page, "ant-2.png").count()).toBe(0);
      await button(page, "Undo: delete 4 images").waitFor();
      await page.keyboard.press("Control+z");
      await shows(page, "5,000 images");
      await cell(page, "ant-2.png").waitFor();
      await page.keyboard.press("Control+Shift+z");
      await shows(page, "4,996 images");

      // The bin gives back one by one.
      await page.getByRole("tab", { name: /^Bin 4$/ }).click();
      await cell(page, "ant-4.png").click();
      await button(page, "Restore 1").click();
      await page.getByRole("tab", { name: /^Bin 3$/ }).waitFor();
      await page.getByRole("tab", { name: /^Images 4,997$/ }).click();

      // A class is a filter, and a place to drag to.
      await aClass(page, "cat").click();
      await shows(page, "1,000 images of cat");
      await cell(page, "cat-1.png").click();
      await cell(page, "cat-3.png").click({ modifiers: ["Shift"] });
      await cell(page, "cat-2.png").dragTo(aClass(page, "bee"));
      await shows(page, "997 images of cat");
      await button(page, "Undo: move 3 images to bee").waitFor();
      await page.getByLabel("Search images by name").fill("cat-100");
      await shows(page, "2 images of cat");
      await page.getByLabel("Search images by name").fill("");

      // The test set is locked, and asks.
      await aClass(page, "cat").click();
      await page.getByLabel("Part", { exact: true }).selectOption({ label: "test (locked)" });
      const locked = async () => Number(/^([\d,]+) images/.exec(await said(page).innerText())?.[1]?.replace(",", ""));
      await expect.poll(locked, SOON).toBeLessThan(2000);
      const before = await locked();
      await page.getByRole("gridcell").first().click();
      await page.keyboard.press("Escape");
      await page.getByRole("gridcell").nth(1).click();
      await page.getByRole("button", { name: "Part", exact: true }).click();
      await page.getByRole("menuitem", { name: "Training" }).click();
      await page.getByRole("alertdialog", { name: "Change the test set?" }).getByRole("button", { name: "Leave it as it is" }).click();
      expect(await locked()).toBe(before);
      await page.getByRole("button", { name: "Part", exact: true }).click();
      await page.getByRole("menuitem", { name: "Training" }).click();
      await button(page, "Change it").click();
      await expect.poll(locked, SOON).toBe(before - 1);
    }),
  10 * MINUTE,
);

test(
  "without a pointer: select, move to a new class, merge, rename, even out, take back",
  () =>
    visit(app.browser, app.url, async (page) => {
      await bring(page, zipOf("few.zip", { ant: 8, bee: 6, cat: 4 }), 18);
      const press = async (...keys: string[]) => {
        for (const key of keys) await page.keyboard.press(key);
      };
      const tabTo = async (target: Locator) => {
        for (let i = 0; i < 80 && !(await target.evaluate((element) => element === document.activeElement)); i++) await press("Tab");
        expect(await target.evaluate((element) => element === document.activeElement)).toBe(true);
      };
      await button(page, "Work on the images").focus();
      await press("Enter");
      await grid(page).waitFor({ timeout: MINUTE });
      await tabTo(grid(page));
      await press("ArrowRight", "Space", "ArrowRight", "ArrowRight", "Space");
      await shows(page, "2 selected");
      await press("Home", "Shift+ArrowRight", "Shift+ArrowRight");
      await shows(page, "3 selected");
      const named = await page.evaluate(
        () => document.getElementById(document.activeElement?.getAttribute("aria-activedescendant") ?? "")?.ariaLabel,
      );
      expect(named).toMatch(/^ant-3\.png, ant, /);
      await page.keyboard.down("Shift");
      await press("Tab", "Tab", "Tab");
      await page.keyboard.up("Shift");
      await press("Enter");
      await page.keyboard.type("new one");
      await press("Enter");
      await aClass(page, "new one").waitFor();
      await button(page, "Undo: move 3 images to new one").waitFor();

      const list = page.getByRole("listbox", { name: "Classes to work on" });
      await tabTo(list);
      await press("Home", "ArrowDown", "Enter");
      await shows(page, "6 images of bee");
      await press("ArrowDown", "Space");
      await shows(page, "10 images of 2 classes");
      await tabTo(button(page, "Merge 2 into …"));
      await press("Enter");
      await page.keyboard.type("insects");
      await press("Enter");
      await aClass(page, "insects").waitFor();
      await shows(page, "10 images of insects");
      await tabTo(page.getByLabel("New name of insects"));
      await press("Control+a");
      await page.keyboard.type("ant");
      await press("Enter");
      await button(page, "Undo: merge insects into ant").waitFor();
      await shows(page, "15 images of ant");

      await tabTo(page.getByLabel("Images of a class at most"));
      await page.keyboard.type("4");
      await press("Enter");
      await button(page, "Undo: even out to 4 images a class").waitFor();
      await page.getByRole("tab", { name: "Images 7" }).waitFor();
      await grid(page).focus();
      for (let i = 0; i < 4; i++) await press("Control+z");
      await page.getByRole("tab", { name: "Images 18" }).waitFor();
      await expect.poll(() => list.getByRole("option").allInnerTexts(), SOON).toEqual(["ant\n8", "bee\n6", "cat\n4"]);
    }),
  5 * MINUTE,
);

test(
  "images that look the same are found, those first that are trained on and tested on",
  () =>
    visit(app.browser, app.url, async (page) => {
      const files = new Map<string, Buffer>();
      for (let i = 0; i < 40; i++) files.set(`${i % 2 ? "odd" : "even"}/${i}.png`, png(i * 11));
      // The same pixels, in files that differ behind their end.
      for (let i = 0; i < 20; i++) files.set(`${i % 2 ? "odd" : "even"}/copy-${i}.png`, Buffer.concat([png(i * 11), Buffer.from("copy")]));
      const path = join(app.scratch, "twins.zip");
      writeZip(path, files);
      await bring(page, path, 60);
      await work(page);
      await page.getByRole("tab", { name: "Near duplicates" }).click();
      const groups = page
        .getByRole("region", { name: "Groups that look the same" })
        .getByRole("listitem")
        .filter({ has: page.getByRole("button") });
      await page.getByLabel("How different twins may be").fill("0");
      await button(page, "Keep the first of each, delete 20").waitFor({ timeout: MINUTE });
      const first = await groups.first().innerText();
      expect(first).toMatch(/^in test and (training|validation)/);
      expect(first).toContain("2 images of");
      await groups.first().getByRole("button", { name: "Keep all" }).click();
      await button(page, "Keep the first of each, delete 19").waitFor();
      await groups.first().getByRole("button", { name: "Keep 1, delete 1" }).click();
      await button(page, "Keep the first of each, delete 18").click();
      await page.getByText("No images look the same.").waitFor();
      await page.getByRole("tab", { name: "Images 41" }).waitFor();
      await page.getByRole("tab", { name: "Bin 19" }).waitFor();
    }),
  5 * MINUTE,
);

test(
  "downloaded as a zip, and read again: the same classes and images",
  () =>
    visit(app.browser, app.url, async (page) => {
      await bring(page, zipOf("out.zip", { النمر: 10, "🌲 tree": 7, plain: 5 }), 22);
      await work(page);
      await button(page, "Download").click();
      const [download] = await Promise.all([page.waitForEvent("download"), button(page, "Download zip").click()]);
      const path = join(app.scratch, "back.zip");
      await download.saveAs(path);
      const zip = new ZipReader(new BlobReader(new Blob([readFileSync(path)])));
      const entries = await zip.getEntries();
      const tables = new Map<string, string[]>();
      for (const entry of entries) {
        if (entry.directory || !entry.filename.endsWith("metadata.csv")) continue;
        tables.set(entry.filename.replace("/metadata.csv", ""), (await entry.getData(new TextWriter())).trim().split("\n").slice(1));
      }
      expect([...tables.keys()].sort()).toEqual(["test", "train", "validation"]);
      const listed = [...tables].flatMap(([part, lines]) => lines.map((line) => `${part}/${line.split(",")[0]}`));
      expect(listed.sort()).toEqual(
        entries
          .map(({ filename }) => filename)
          .filter((name) => name.endsWith(".png"))
          .sort(),
      );
      expect(listed).toHaveLength(22);
      for (const [part, lines] of tables)
        for (const line of lines) expect(line).toMatch(new RegExp(`^(.+)/\\1-\\d+\\.png,\\1,${part},\\1/\\1-\\d+\\.png$`));
      // A fifth of each class to test on, a tenth to validate.
      expect([tables.get("test")?.length, tables.get("validation")?.length]).toEqual([2 + 1 + 1, 1 + 1 + 1]);

      await page.keyboard.press("Escape");
      await page.keyboard.press("Escape");
      await button(page, "Clear").click();
      await bring(page, path, 22);
      const rows = await region(page, "Images").getByRole("table", { name: "Classes" }).getByRole("row").allInnerTexts();
      expect(rows.map((row) => row.replace(/\s+/g, " ").trim()).sort()).toEqual(["plain 5", "النمر 10", "🌲 tree 7"].sort());
      await button(page, "Undo: clear the images").or(button(page, "Undo: import 22 images")).first().waitFor();
    }),
  5 * MINUTE,
);

test(
  "the same files again bring nothing: no step, and what was undone can be done again",
  () =>
    visit(app.browser, app.url, async (page) => {
      const path = zipOf("same.zip", { longsleeves: 3, bee: 10 });
      await bring(page, path, 13);
      const panel = region(page, "Images");
      // A tenth and a fifth of each class, as it will be split.
      await panel.getByText("8 to train on, 2 to validate, 3 to test").waitFor();
      await button(page, "longsleeves").click();
      await page.getByLabel("New name of class longsleeves").fill("jumper");
      await page.keyboard.press("Enter");
      await button(page, "Remove class bee").click();
      await button(page, "Undo: remove the class bee").click();
      await button(page, "Redo: remove the class bee").waitFor();
      // Beside the classes: on one they would all join it.
      await drop(page, panel.getByText("Your images stay on this computer"), [path]);
      await panel.getByText("13 images are there already.").waitFor({ timeout: MINUTE });
      expect(await panel.getByText("so it is not a class").count()).toBe(0);
      await button(page, "Undo: rename longsleeves to jumper").waitFor();
      await button(page, "Redo: remove the class bee").click();
      await panel.getByText("3 images", { exact: true }).waitFor();

      // Names are told apart by what stands at their end, and that is in sight.
      await work(page);
      const ends = await page.locator(".cell-name").evaluateAll((names) =>
        names.map((name) => {
          const end = name.querySelector(".cut")?.lastElementChild as HTMLElement;
          return { text: end.innerText, fits: end.getBoundingClientRect().right <= name.getBoundingClientRect().right + 1 };
        }),
      );
      expect(ends.map(({ text }) => text).sort()).toEqual(["es-1", "es-2", "es-3"]);
      expect(ends.every(({ fits }) => fits)).toBe(true);
      await page.getByText("marks a test image.").waitFor();
      // One class is as many as another: nothing is said of that, and a new one can be added with a class chosen.
      expect(await page.getByText("times as many").count()).toBe(0);
      await aClass(page, "jumper").click();
      await button(page, "Rename").waitFor();
      await page.getByLabel("Name of a new class").last().fill("coat");
      await button(page, "Add class").click();
      await aClass(page, "coat").waitFor();
    }),
  5 * MINUTE,
);

test(
  "what is done to the images while others are read stays done",
  () =>
    visit(app.browser, app.url, async (page) => {
      await bring(page, zipOf("few.zip", { ant: 3, bee: 3 }), 6);
      await work(page);
      await drop(page, aClass(page, "bee"), [zipOf("more.zip", { wasp: 1500 })]);
      const reading = page.getByRole("dialog").getByText("Reading your images:");
      await reading.waitFor({ timeout: MINUTE });
      await cell(page, "ant-2.png").click();
      await page.keyboard.press("Delete");
      await page.getByRole("tab", { name: /^Bin 1$/ }).waitFor();
      // The first six of them are there already.
      await shows(page, "1,499 images of all classes");
      await cell(page, "ant-3.png").waitFor();
      expect(await cell(page, "ant-2.png").count()).toBe(0);
      await aClass(page, "bee").click();
      await shows(page, "1,497 images of bee");
    }),
  5 * MINUTE,
);

test(
  "the camera fills a class while its button is held, and is released",
  async () => {
    const browser = await launch({ more: CAMERA });
    await visit(browser, app.url, async (page) => {
      await bring(page, zipOf("cam.zip", { ant: 3, bee: 3 }), 6);
      await button(page, "Webcam for bee").click();
      const hold = button(page, "Hold to take pictures");
      await expect.poll(() => hold.isEnabled(), SOON).toBe(true);
      const video = await page.getByLabel("What the camera sees").elementHandle();
      await hold.hover();
      await page.mouse.down();
      const taken = page.getByRole("dialog", { name: "Webcam: bee" }).getByRole("status");
      await expect.poll(async () => Number.parseInt(await taken.innerText(), 10), SOON).toBeGreaterThan(4);
      await page.mouse.up();
      await expect.poll(() => taken.innerText(), SOON).not.toContain("being read");
      const first = Number.parseInt(await taken.innerText(), 10);
      // Another burst by key.
      await hold.focus();
      await page.keyboard.down("Space");
      await expect.poll(async () => Number.parseInt(await taken.innerText(), 10), SOON).toBeGreaterThan(first + 2);
      await page.keyboard.up("Space");
      const all = Number.parseInt(await taken.innerText(), 10);
      // It lies behind the dialog.
      const row = page.locator(".classes tr", { hasText: "bee" });
      await expect.poll(async () => Number((await row.locator(".class-count").innerText()).trim()), SOON).toBeGreaterThan(first);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "hidden" });
      expect(
        await video?.evaluate(
          (element) =>
            (element as HTMLVideoElement).srcObject instanceof MediaStream &&
            ((element as HTMLVideoElement).srcObject as MediaStream).active,
        ),
      ).toBe(false);
      const count = Number(await row.locator(".class-count").innerText());
      expect(count).toBeGreaterThan(3 + first);
      expect(count).toBeLessThanOrEqual(3 + all);
      expect(await region(page, "Images").getByRole("row", { name: /ant/ }).locator(".class-count").innerText()).toBe("3");
    }).finally(() => browser.close());
  },
  5 * MINUTE,
);

test(
  "without a camera the page says so",
  () =>
    visit(app.browser, app.url, async (page) => {
      await bring(page, zipOf("nocam.zip", { ant: 3, bee: 3 }), 6);
      await button(page, "Webcam for bee").click();
      await page
        .getByRole("alert")
        .filter({ hasText: /No camera was found|The camera was not allowed/ })
        .waitFor({ timeout: MINUTE });
      await button(page, "Try again").click();
      await page
        .getByRole("alert")
        .filter({ hasText: /No camera was found|The camera was not allowed/ })
        .waitFor({ timeout: MINUTE });
    }),
  5 * MINUTE,
);

test(
  "a pasted image asks for its class, or goes to the one that is chosen",
  () =>
    visit(app.browser, app.url, async (page) => {
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      await bring(page, zipOf("paste.zip", { ant: 3, bee: 3 }), 6);
      const copy = (seed: number) =>
        page.evaluate(async (text) => {
          const blob = new Blob([Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0))], { type: "image/png" });
          await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }, png(seed).toString("base64"));
      await copy(900);
      await page.keyboard.press("Control+v");
      const asked = page.getByRole("dialog", { name: /^Into which class/ });
      await asked.getByRole("button", { name: "bee" }).click();
      await region(page, "Images").getByText("7 images", { exact: true }).waitFor({ timeout: MINUTE });
      await work(page);
      await aClass(page, "ant").click();
      await copy(901);
      await page.keyboard.press("Control+v");
      await shows(page, "4 images of ant");
      await button(page, "Undo: import one image").waitFor();
    }),
  5 * MINUTE,
);

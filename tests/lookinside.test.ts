/** "Look closer" in a real browser: what the lanes of a small run answered, see and look at, by mouse, by keyboard and by camera. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";
import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { type FloatTensor, writeSafetensors } from "../src/formats/safetensors.ts";
import { uniform } from "../src/tensor/random.ts";
import { tensor } from "../src/tensor/tensor.ts";
import { buildModel } from "../src/train/catalog.ts";
import { gridOf } from "../src/ui/inside/cells.ts";
import { drop } from "./browser/harness.mjs";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";
import { toyValues } from "./toys.ts";

const LONG = { timeout: 5 * MINUTE, interval: 250 };
const CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];
const SIDE = 32;
const CLASSES = ["blue", "green", "red"];
const PER_CLASS = 20;
/** Of 60 images: a fifth is locked away for the test. */
const TESTED = 12;
const STEPS = 24;
const SETTINGS = `#validation=0.2&test=0.2&batch=8&steps=${STEPS}`;

const app = stage({ more: CAMERA });

/** A ViT of three blocks and four heads on 4 × 4 patches. */
function modelFolder(): string {
  const config = {
    model_type: "vit",
    hidden_size: 48,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    intermediate_size: 96,
    image_size: SIDE,
    patch_size: 8,
  };
  const weights = new Map<string, FloatTensor>();
  buildModel(config, (name, shape) => {
    weights.set(name, { shape, data: toyValues(name, shape) });
    return tensor(shape);
  });
  const preprocess = {
    size: SIDE,
    resample: 2,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
    image_processor_type: "ViTImageProcessor",
  };
  const folder = join(app.scratch, "toyvit");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(join(folder, "preprocessor_config.json"), JSON.stringify(preprocess));
  writeFileSync(join(folder, "model.safetensors"), writeSafetensors(weights));
  return folder;
}

/** Noise in which one channel is a little stronger. Every fourth image lies in the wrong class, so that some answers are wrong. */
function bitmap(label: number, image: number): Uint8Array {
  const bytes = new Uint8Array(54 + SIDE * SIDE * 3);
  const view = new DataView(bytes.buffer);
  bytes.set([66, 77]);
  for (const [at, value] of [
    [2, bytes.length],
    [10, 54],
    [14, 40],
    [18, SIDE],
    [22, SIDE],
  ] as const)
    view.setUint32(at, value, true);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  const seen = image % 4 === 3 ? (label + 1) % 3 : label;
  for (let i = 54; i < bytes.length; i++) bytes[i] = 60 + 40 * Number((i - 54) % 3 === seen) + 130 * uniform(label, image, i);
  return bytes;
}

async function imageZip(): Promise<string> {
  const zip = new ZipWriter(new Uint8ArrayWriter(), { level: 0 });
  for (const [label, name] of CLASSES.entries()) {
    for (let i = 0; i < PER_CLASS; i++) await zip.add(`${name}/${i}.bmp`, new Uint8ArrayReader(bitmap(label, i)));
  }
  const path = join(app.scratch, "colours.zip");
  writeFileSync(path, await zip.close());
  return path;
}

const cells = (table: Locator): Promise<string[][]> =>
  table.evaluate((element) =>
    [...element.querySelectorAll("tr")].map((row) => [...row.querySelectorAll("th, td")].map((cell) => cell.textContent?.trim() ?? "")),
  );
const tab = (closer: Locator, name: string) => closer.getByRole("tab", { name, exact: true }).click();

/** The pixels of a canvas, as they are shown. */
const pixelsOf = (canvas: Locator): Promise<number[]> =>
  canvas.evaluate((element) => {
    const { width, height } = element as HTMLCanvasElement;
    return [...((element as HTMLCanvasElement).getContext("2d")?.getImageData(0, 0, width, height).data ?? [])];
  });

async function lookIntoConfusions(page: Page, closer: Locator): Promise<void> {
  await button(closer, "Table").click();
  const [head = [], ...rows] = await cells(closer.getByRole("table"));
  expect(head).toEqual(["True class", ...CLASSES.map((name) => `as ${name}`)]);
  const counts = rows.map((row) => row.slice(1).map(Number));
  expect(counts.flat().reduce((a, b) => a + b, 0)).toBe(TESTED);
  const right = counts.reduce((sum, row, i) => sum + (row[i] ?? 0), 0);
  await expect.poll(() => closer.innerText(), LONG).toContain(`LoRA got ${TESTED - right} of ${TESTED} images wrong`);
  await button(closer, "Chart").click();

  // By keyboard: each cell says what it is, and opens as many images as it says.
  const grid = closer.getByRole("grid");
  const spoken = () => grid.getByRole("gridcell").textContent();
  await grid.focus();
  await page.keyboard.press("Control+Home");
  for (const [row, name] of CLASSES.entries()) {
    for (const [column, other] of CLASSES.entries()) {
      const count = counts[row]?.[column] ?? Number.NaN;
      const what = row === column ? `${name}, right` : `${name} taken for ${other}`;
      expect(await spoken()).toContain(`${what}: ${count} of ${TESTED / 3} images`);
      await page.keyboard.press("Enter");
      await expect.poll(() => closer.locator(".tile").count()).toBe(count);
      await page.keyboard.press("ArrowRight");
    }
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
  }
  const worst = closer.getByRole("region", { name: "Worst confusions" }).getByRole("button");
  if ((await worst.count()) === 0) throw new Error("this run makes no mistakes, so it tests nothing");
  const [, truth, predicted, images] = /^(\w+) → (\w+)\s*(\d+) image/.exec(await worst.first().innerText()) ?? [];
  const off = counts.flatMap((row, i) => row.filter((_, j) => i !== j));
  expect(Number(images)).toBe(Math.max(...off));
  await worst.first().click();
  await expect.poll(() => closer.locator(".tile").count()).toBe(Number(images));
  // The line below speaks of the cell that is open, wherever it was chosen, and the pointer lies on the cell that it opened.
  const caption = () => closer.locator(".matrix > .hint").innerText();
  await expect.poll(caption).toContain(`${truth} taken for ${predicted}: ${images} of`);
  await grid.evaluate((element) => element.scrollIntoView({ block: "center" }));
  const boxOf = async () => (await grid.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  const place = await boxOf();
  const { gutter, head: top, cell } = gridOf(CLASSES.length, place.width, 16);
  await page.mouse.click(place.x + gutter + (CLASSES.length - 0.5) * cell, place.y + top + (CLASSES.length - 0.5) * cell);
  const [last = "", own] = [CLASSES.at(-1), counts.at(-1)?.at(-1)];
  await expect.poll(() => closer.locator(".tile").count()).toBe(own);
  expect(await boxOf()).toEqual(place);
  await page.mouse.move(1, 1);
  await expect.poll(caption).toContain(`${last}, right: ${own} of`);
  await worst.first().click();
  await expect.poll(() => closer.locator(".tile").count()).toBe(Number(images));
  const label = await closer.locator(".tile").first().getAttribute("aria-label");
  expect(label).toMatch(new RegExp(`^${truth}/\\d+\\.bmp, \\d+\\s%\\ssure$`));

  await closer.locator(".tile").first().click();
  const dialog = page.getByRole("dialog");
  await expect.poll(() => dialog.innerText(), LONG).toMatch(/LoRA[\s\S]*%[\s\S]*RandLoRA[\s\S]*%/);
  expect(await dialog.innerText()).toContain(`is ${truth}`);
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
}

async function lookIntoClasses(closer: Locator): Promise<void> {
  await tab(closer, "Per class");
  const shown = async () =>
    (await cells(closer.getByRole("table"))).slice(1).map(([name, ...values]) => [name, ...values.map(Number)] as [string, ...number[]]);
  const rows = await shown();
  const classes = rows.slice(0, CLASSES.length);
  for (const column of [1, 2, 3]) {
    const mean = classes.reduce((sum, row) => sum + Number(row[column]), 0) / CLASSES.length;
    // As many images of each class: both means are the same for recall, and the first one always is this.
    expect(Number(rows[CLASSES.length]?.[column])).toBeCloseTo(mean, 2);
  }
  const order = (column: number) => shown().then((all) => all.slice(0, CLASSES.length).map((row) => Number(row[column])));
  const recall = closer.getByRole("button", { name: /^Recall/ }).first();
  await recall.click();
  expect(await order(2)).toEqual((await order(2)).toSorted((a, b) => b - a));
  await expect.poll(() => closer.getByRole("columnheader", { name: /^Recall/ }).getAttribute("aria-sort")).toBe("descending");
  await recall.click();
  expect(await order(2)).toEqual((await order(2)).toSorted((a, b) => a - b));
}

async function lookIntoMistakes(closer: Locator): Promise<void> {
  await tab(closer, "Mistakes");
  const labels = async () => Promise.all((await closer.locator(".tile").all()).map((tile) => tile.getAttribute("aria-label")));
  const said = async (who: string) => {
    const text = await closer.getByText(`${who} wrong on`).innerText();
    return Number(/on (\d+) image/.exec(text)?.[1]);
  };
  const wrong = await said("LoRA was");
  await expect.poll(() => closer.locator(".tile").count()).toBe(wrong);
  const own = await labels();
  const sure = own.map((label) => Number(/said .*, (\d+)\s%\ssure/.exec(label ?? "")?.[1]));
  expect(sure).toEqual(sure.toSorted((a, b) => b - a));
  await closer.getByLabel("All lanes wrong").check();
  const together = await said("All lanes were");
  expect(together).toBeLessThanOrEqual(wrong);
  await expect.poll(() => closer.locator(".tile").count()).toBe(together);
  const shared = await labels();
  for (const label of shared) expect(label).toMatch(/LoRA said .*\s%\ssure, RandLoRA said .*\s%\ssure, is /);

  await tab(closer, "Disagreements");
  const kinds = closer.getByRole("group", { name: "Kind of disagreement" });
  await kinds.waitFor();
  const counts = (await kinds.locator("b").allInnerTexts()).map(Number);
  for (const [i, name] of ["only LoRA right", "only RandLoRA right", "both wrong"].entries()) {
    await closer.getByRole("radio", { name: new RegExp(`^${name}`) }).check();
    await expect.poll(() => closer.locator(".tile").count()).toBe(counts[i]);
  }
}

async function lookIntoEmbeddings(page: Page, closer: Locator): Promise<void> {
  await tab(closer, "Embeddings");
  await button(closer, `Embed ${TESTED} test images`).click();
  const before = closer.getByRole("listbox", { name: /^Before training/ });
  await before.waitFor(LONG);
  await expect.poll(() => closer.innerText(), LONG).toMatch(/Neighbours are of the image's class for [\d.]+ %.*with LoRA.*two axes hold/);
  await before.focus();
  const spoken = () => before.getByRole("option").textContent();
  const first = await spoken();
  expect(first).toMatch(/^(blue|green|red)\/\d+\.bmp, (blue|green|red)$/);
  for (const key of ["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "ArrowRight", "ArrowUp"]) await page.keyboard.press(key);
  expect(await spoken()).not.toBe(first);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByText("Answers after step").waitFor(LONG);
  await page.keyboard.press("Escape");

  await closer.getByLabel("Layout").selectOption("UMAP");
  await closer.getByText("Features, by UMAP").waitFor(LONG);
  const after = closer.getByRole("listbox", { name: /^LoRA after step/ }).locator("canvas");
  const { x, y, width, height } = (await after.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  await page.mouse.move(x + 2, y + 2);
  await page.mouse.down();
  for (const [across, down] of [
    [width - 2, 2],
    [width - 2, height - 2],
    [2, height - 2],
  ] as const)
    await page.mouse.move(x + across, y + down, { steps: 4 });
  await page.mouse.up();
  await closer.getByText(`${TESTED} images within the line`).waitFor();
  expect(await closer.locator(".tile").count()).toBe(TESTED);
  await button(closer, "Table").click();
  expect(await closer.getByRole("table").getByRole("row").count()).toBe(TESTED + 1);
}

async function lookIntoAttention(closer: Locator): Promise<void> {
  await tab(closer, "Attention");
  const offered = closer.getByRole("region", { name: "Images to look into" }).getByRole("button", { name: /\.bmp$/ });
  await offered.first().click();
  const maps = closer.getByRole("img", { name: /of 4 by 4 patches$/ });
  await expect.poll(() => maps.count(), LONG).toBe(3);
  const opacity = closer.getByLabel("Opacity");
  await opacity.fill("0");
  const image = await pixelsOf(offered.first().locator("canvas"));
  for (const map of await maps.all()) await expect.poll(() => pixelsOf(map)).toEqual(image);
  await opacity.fill("1");
  const whole = await pixelsOf(maps.first());
  expect(whole).not.toEqual(image);
  // Before training and after it a lane does not look alike, nor does one head as the next.
  expect(await pixelsOf(maps.nth(1))).not.toEqual(whole);
  await closer.getByLabel("Weights").selectOption("head 2");
  await expect.poll(() => pixelsOf(maps.first())).not.toEqual(whole);
  await closer.getByLabel("Weights").selectOption("rollout");
  await closer.getByLabel("Block").selectOption("1");
  await closer.getByLabel("Difference from before training").check();
  await expect.poll(() => maps.count()).toBe(2);
  await button(closer, "Table").click();
  expect((await cells(closer.getByRole("table"))).map(([name]) => name)).toEqual(["Model", "LoRA", "RandLoRA"]);
}

async function lookThroughCamera(page: Page, closer: Locator): Promise<void> {
  await tab(closer, "Live");
  await button(closer, "Start the camera").click();
  const answers = closer.getByRole("region", { name: "Answers to the camera" });
  await expect.poll(() => answers.getByRole("listitem").count(), LONG).toBe(6);
  // The picture moves, and the answers with it.
  const first = await answers.innerText();
  await expect.poll(() => answers.innerText(), LONG).not.toBe(first);
  await button(closer, "Keep this frame").click();
  await expect.poll(() => page.getByRole("group", { name: "Prediction for camera" }).innerText(), LONG).toMatch(/LoRA[\s\S]*%/);
  const track = await page.evaluateHandle(() => {
    const source = document.querySelector("video")?.srcObject;
    return source instanceof MediaStream ? source.getVideoTracks()[0] : undefined;
  });
  expect(await track.evaluate((one) => one?.readyState)).toBe("live");
  await tab(closer, "Per class");
  expect(await track.evaluate((one) => one?.readyState)).toBe("ended");
}

/** As Ctrl+V gives them: the clipboard holds a file. */
async function paste(page: Page, place: Locator, bytes: Uint8Array): Promise<void> {
  await place.focus();
  await page.evaluate((data) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([Uint8Array.from(data)], "pasted.bmp", { type: "image/bmp" }));
    document.activeElement?.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  }, Array.from(bytes));
}

test(
  "a run is looked into: confusions, classes, mistakes, disagreements, embeddings, attention, camera",
  () =>
    visit(app.browser, app.url + SETTINGS, async (page) => {
      const closer = region(page, "Look closer");
      await closer.getByText("Nothing to show yet").waitFor();
      await drop(page, region(page, "Lanes"), [modelFolder()]);
      await button(page, "Use this model").click({ timeout: MINUTE });
      await drop(page, region(page, "Images"), [await imageZip()]);
      await button(page, "Train").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await closer.getByText(`${TESTED} test images, after step ${STEPS}`).waitFor(LONG);

      await lookIntoConfusions(page, closer);
      await lookIntoClasses(closer);
      await lookIntoMistakes(closer);
      await lookIntoEmbeddings(page, closer);
      await lookIntoAttention(closer);
      await lookThroughCamera(page, closer);
      await paste(page, region(page, "Try an image"), bitmap(2, 99));
      await expect.poll(() => page.getByRole("group", { name: "Prediction for pasted.bmp" }).innerText(), LONG).toMatch(/LoRA[\s\S]*%/);

      // A class that is called otherwise by now: the answers keep the name under which it was learned, and say so.
      await tab(closer, "Per class");
      const [name = ""] = CLASSES;
      await button(region(page, "Images"), name).click();
      await page.getByLabel(`New name of class ${name}`).fill("renamed");
      await page.keyboard.press("Enter");
      await closer.getByText("Classes as they were called when it ran.").waitFor();
      expect((await cells(closer.getByRole("table"))).map(([first]) => first)).toContain(name);

      // What belonged to the run goes with it.
      await button(page, "Reset").click();
      for (const name of ["Confusions", "Embeddings", "Attention"]) {
        await tab(closer, name);
        await closer.getByText("Nothing to show yet").waitFor();
      }
      expect(await closer.locator(".tile").count()).toBe(0);
    }),
  15 * MINUTE,
);

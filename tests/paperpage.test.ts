/** The paper's analyses as a visitor meets them, in a real browser: a dropped toy ViT, two methods, a few steps. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { drop } from "./browser/harness.mjs";
import { writeZip } from "./browser/pictures.ts";
import { someOf } from "./browser/set.ts";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const VIT = join(import.meta.dirname, "fixtures/vit");
const LONG = { timeout: 5 * MINUTE, interval: 200 };
const SETTINGS =
  "#model=folder%3Atoyvit&head=linear&steps=10&batch=8&match=0&validation=0.2&lanes=lora_rank-4_alpha-8*randlora_rank-6_alpha-60";
/** Prepared as 32 pixels, whatever the edges. */
const PREPROCESS = {
  do_center_crop: false,
  size: { height: 32, width: 32 },
  resample: 2,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

const app = stage();

function toyModel(): string {
  const path = join(app.scratch, "toyvit.zip");
  const given = ["config.json", "model.safetensors"].map((name) => [name, readFileSync(join(VIT, name))] as const);
  writeZip(path, new Map([...given, ["preprocessor_config.json", Buffer.from(JSON.stringify(PREPROCESS))]]));
  return path;
}

/** Thirty images of each of two classes. */
const someImages = (): Promise<string> => someOf(app, (path) => (/(Forest|River)\/\w+_0[0-2]\d\.jpg$/.test(path) ? path : undefined));

test(
  "ranks over time, shared directions, likeness and the loss surface of a run, by mouse and by keyboard",
  () =>
    visit(app.browser, app.url + SETTINGS, async (page) => {
      page.setDefaultTimeout(LONG.timeout); // a software adapter leaves little time to the page
      const closer = region(page, "Look closer");
      const tab = async (name: string) => closer.getByRole("tab", { name }).click();
      const shown = () => closer.innerText();
      await drop(page, page.locator("body"), [toyModel()]);
      await page.getByRole("dialog").getByText("This is the model of the next run.").waitFor({ timeout: MINUTE });
      await page.keyboard.press("Escape");
      await drop(page, region(page, "Images"), [await someImages()]);

      await tab("Loss surface");
      await closer.getByText("Start a race first.").waitFor();
      await button(page, "Train").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await page.getByText("Done").first().waitFor({ timeout: LONG.timeout });

      // Ranks: a heat map for each lane, which the arrow keys walk, and the numbers as a table.
      await tab("Ranks");
      const heats = closer.getByRole("slider", { name: /^Effective rank of/ });
      await expect.poll(() => heats.count(), LONG).toBe(2);
      await heats.first().focus();
      const said = () => heats.first().getAttribute("aria-valuetext");
      await page.keyboard.press("Home");
      await page.keyboard.press("PageUp");
      await page.keyboard.press("ArrowDown");
      expect(await said()).toMatch(/^Block 1, k, step \d+: \d+\.\d$/);
      await page.keyboard.press("End");
      expect(await said()).toMatch(/^Block 1, k, step 10: \d+\.\d$/);
      await page.keyboard.press("PageDown");
      expect(await said()).toMatch(/^Block 2, q, step 10/);
      const lora = Number(/: ([\d.]+)$/.exec((await said()) ?? "")?.[1]);
      expect(lora).toBeGreaterThanOrEqual(1);
      expect(lora).toBeLessThanOrEqual(4);
      const history = closer.getByRole("figure").filter({ hasText: "Rank over time" });
      await button(history, "Table").click();
      const rows = await history.getByRole("row").allInnerTexts();
      expect((rows.length - 1) % 12).toBe(0);
      expect(rows.at(-1)).toMatch(/^Block 2, fc2, 10\s+\d+\.\d\s+\d+\.\d/);
      await button(history, "Chart").click();
      await button(history, "Formula and source").click();
      const source = page.locator(".source");
      expect(await source.locator("math mfrac").count()).toBeGreaterThan(0);
      expect(await source.innerText()).toMatch(/Roy and Vetterli 2007/);
      await page.keyboard.press("Escape");

      await tab("Shared directions");
      await button(closer, "Compare directions").click();
      await expect
        .poll(shown, LONG)
        .toMatch(/At step 10: LoRA and RandLoRA share 0\.\d\d of their 4 leading left directions, mean of 12 layers; chance gives/);
      await closer.getByRole("combobox", { name: "Of", exact: true }).selectOption("Frozen weight");
      await expect.poll(shown, LONG).toMatch(/Frozen weight and RandLoRA share 0\.\d\d of their 8 leading/);

      await tab("Likeness");
      await button(closer, "Compare activations").click();
      await expect
        .poll(shown, LONG)
        .toMatch(/At step 10, on 12 validation images, mean CKA with the model before training: LoRA -?\d\.\d\d, RandLoRA/);
      await button(closer, "Add full fine-tuning to the next run").click();
      await expect.poll(() => region(page, "Lanes").innerText(), LONG).toMatch(/Full fine-tuning/);
      expect(await shown()).toMatch(/among the lanes of the next run/);

      // The surface is stopped, left, gone on with, and outlives the page; its weights do not.
      await tab("Loss surface");
      await button(closer, "Measure the surface").click();
      await closer
        .getByRole("slider", { name: "Loss on the plane through LoRA, RandLoRA, Before training" })
        .waitFor({ timeout: LONG.timeout });
      await expect.poll(shown, LONG).toMatch(/[1-9]\d* of \d+ places are measured/);
      await button(closer, "Stop").click();
      await button(closer, "Go on").waitFor({ timeout: LONG.timeout });
      await expect.poll(shown, LONG).toMatch(/places are measured/);
      const places = async () => Number(/(\d+) of \d+ places are measured/.exec(await shown())?.[1]);
      const before = await places();
      await button(closer, "Go on").click();
      await tab("Ranks");
      await page.waitForTimeout(2000);
      await tab("Loss surface");
      await expect.poll(places, LONG).toBeGreaterThan(before);
      await button(closer, "In 3-D").click();
      const solid = closer.getByRole("slider", { name: /three dimensions/ });
      await solid.focus();
      const turned = await solid.getAttribute("aria-valuenow");
      await page.keyboard.press("ArrowRight");
      expect(await solid.getAttribute("aria-valuenow")).not.toBe(turned);
      await button(closer, "Stop").click();
      await button(closer, "Go on").waitFor({ timeout: LONG.timeout });
      await page.reload();
      await tab("Loss surface");
      await expect.poll(shown, LONG).toMatch(/the weights of this surface are gone: these \d+ of \d+ places were measured before/);
    }),
  15 * MINUTE,
);

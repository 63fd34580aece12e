/** What was trained leaves the page and comes back: exports as a visitor downloads them, and an import that shows its rank untrained. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { BlobReader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { drop } from "./browser/harness.mjs";
import { smallSet } from "./browser/set.ts";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const LONG = { timeout: 5 * MINUTE, interval: 100 };
const RANK = 4;
/** Eight layers, two steps of four images: a software adapter needs seconds for each. */
const SETTINGS = `#steps=2&batch=4&match=0&targets=q&lanes=lora_rank-${RANK}_alpha-8*randlora_rank-16_alpha-160`;

const app = stage();

type Files = ReadonlyMap<string, Uint8Array>;

async function unzip(path: string): Promise<Files> {
  const reader = new ZipReader(new BlobReader(new Blob([readFileSync(path)])));
  const files = new Map<string, Uint8Array>();
  for (const entry of await reader.getEntries()) {
    if (!entry.directory) files.set(entry.filename, await entry.getData(new Uint8ArrayWriter()));
  }
  await reader.close();
  return files;
}

/** Downloads a lane in one form, through the dialog. */
async function take(page: Page, lane: string, form: RegExp, download: string): Promise<{ name: string; path: string; files: Files }> {
  const dialog = page.getByRole("dialog", { name: "Export" });
  await dialog.getByRole("radio", { name: lane }).check();
  await dialog.getByRole("radio", { name: form }).check();
  const [file] = await Promise.all([page.waitForEvent("download", { timeout: 5 * MINUTE }), button(dialog, download).click()]);
  const path = join(app.scratch, file.suggestedFilename());
  await file.saveAs(path);
  return { name: file.suggestedFilename(), path, files: await unzip(path) };
}

/** The cells of a row of the comparison, one for each lane. */
async function cells(page: Page, name: RegExp): Promise<string[]> {
  return region(page, "Result").getByRole("row", { name }).getByRole("cell").allInnerTexts();
}

const json = (bytes: Uint8Array | undefined): Record<string, unknown> => JSON.parse(new TextDecoder().decode(bytes));
const names = (files: Files): string[] => [...files.keys()].sort();

test(
  "adapters, a merged model and ONNX leave; the adapters come back as lanes whose rank shows before any step",
  () =>
    visit(app.browser, app.url + SETTINGS, async (page) => {
      await drop(page, region(page, "Images"), [await smallSet(app)]);
      await button(page, "Train").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await expect.poll(() => region(page, "Race").innerText(), LONG).toMatch(/step 2 \/ 2[\s\S]*Done|Done[\s\S]*step 2 \/ 2/);

      await button(page, "Export").click();
      const lora = await take(page, "LoRA r 4", /^PEFT adapter/, "Download adapter");
      expect(lora.name).toBe("fullrank-lora-two.zip");
      expect(names(lora.files)).toEqual(["README.md", "adapter_config.json", "adapter_model.safetensors"]);
      expect(json(lora.files.get("adapter_config.json"))).toMatchObject({ peft_type: "LORA", r: RANK, lora_alpha: 8 });

      const randlora = await take(page, "RandLoRA r 16", /^PEFT adapter/, "Download adapter");
      expect(json(randlora.files.get("adapter_config.json"))).toMatchObject({ peft_type: "RANDLORA", r: 16 });
      const tensors = readSafetensors(randlora.files.get("adapter_model.safetensors")!).tensors;
      expect([...tensors.keys()].filter((key) => key.includes("randlora_A"))).toHaveLength(1);

      const merged = await take(page, "RandLoRA r 16", /^Merged model/, "Download model");
      expect(merged.name).toBe("fullrank-randlora-two-merged.zip");
      expect(names(merged.files)).toEqual(expect.arrayContaining(["README.md", "config.json", "model.safetensors"]));
      const changed = readSafetensors(merged.files.get("model.safetensors")!).tensors;
      const base = readSafetensors(readFileSync(join(import.meta.dirname, "../public/models/clip-tiny/model.safetensors"))).tensors;
      const differs = (name: string) => Buffer.compare(Buffer.from(changed.get(name)!.data), Buffer.from(base.get(name)!.data)) !== 0;
      expect(differs("vision_model.encoder.layers.0.self_attn.q_proj.weight")).toBe(true);
      expect(differs("vision_model.encoder.layers.0.self_attn.k_proj.weight")).toBe(false);

      const onnx = await take(page, "RandLoRA r 16", /^ONNX/, "Download ONNX");
      expect(names(onnx.files)).toEqual(["README.md", "model.onnx"]);
      const dialog = page.getByRole("dialog", { name: "Export" });
      const shown = await dialog.getByText("Largest difference of a logit").locator("xpath=..").getByRole("definition").innerText();
      expect(Number(shown)).toBeLessThan(1e-3);
      await expect.poll(() => dialog.innerText()).toMatch(/per image/);
      await page.keyboard.press("Escape");

      for (const lane of [/^Remove LoRA/, /^Remove RandLoRA/]) await page.getByRole("button", { name: lane }).click();
      for (const [place, { path }] of [
        ["Race", lora],
        ["Lanes", randlora],
      ] as const) {
        await drop(page, region(page, place), [path]);
        const found = page.getByRole("dialog", { name: "Import adapter" });
        await button(found, "Add as a lane").click({ timeout: MINUTE });
        await found.waitFor({ state: "hidden" });
      }
      await expect.poll(() => region(page, "Lanes").innerText()).toMatch(/from fullrank-lora-two[\s\S]*from fullrank-randlora-two/);
      await button(page, "Reset").click();
      await button(page, "Step").click();
      await button(page, "Resume").waitFor({ timeout: 5 * MINUTE });
      const rank = async () => (await cells(page, /^Effective rank/)).map(Number);
      await expect.poll(async () => (await rank()).every((value) => value > 0), LONG).toBe(true);
      const [wall = Number.NaN, full = Number.NaN] = await rank();
      expect(wall).toBeGreaterThan(1);
      expect(wall).toBeLessThanOrEqual(RANK);
      expect(full).toBeGreaterThan(RANK);
      expect(await region(page, "Race").innerText()).toMatch(/step 0 \/ 2/);

      await page.reload();
      await expect.poll(() => region(page, "Lanes").innerText(), { timeout: MINUTE }).toMatch(/drop its adapter again/);
    }),
  10 * MINUTE,
);

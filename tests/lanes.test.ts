/** The bar of the lanes on a narrow model: sizes are kept equal, visibly, and the way back is one click; axe included. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const SOON = { timeout: MINUTE, interval: 100 };
const AXE = readFileSync(join(import.meta.dirname, "../node_modules/axe-core/axe.min.js"), "utf8");
const app = stage({ toy: true });

const lanes = (page: Page): Promise<string[]> =>
  region(page, "Lanes")
    .getByRole("button", { name: /^Settings of/ })
    .allInnerTexts()
    .then((texts) => texts.map((text) => text.replace("Settings of", "").replaceAll(/\s+/g, " ").trim()));

async function setRank(page: Page, value: number): Promise<void> {
  await button(page, /^Settings of LoRA/).click();
  const field = page.getByRole("dialog").getByRole("textbox", { name: "Rank r" });
  await field.fill(String(value));
  await field.press("Enter");
  await page.keyboard.press("Escape");
}

test("nothing warns of the first screen; what the matching changes is told, and undone; differences show when it is off", () =>
  visit(app.browser, app.url, async (page) => {
    await expect.poll(() => lanes(page), SOON).toEqual(["LoRA r 12 α 24 lr 0.003 8,064", "RandLoRA r 1 α 10 lr 0.001 7,200 −11 %"]);
    expect(await page.getByRole("list", { name: "Before you train" }).count()).toBe(0);
    const bar = region(page, "Lanes");
    const matching = bar.getByRole("checkbox", { name: "Match parameters" });
    expect(await bar.innerText()).toContain("Match parameters: on");

    await button(page, "Add method").click();
    await page.getByRole("menuitem", { name: /^VeRA.*only two vectors of scales are learned/ }).click();
    await expect.poll(() => lanes(page), SOON).toHaveLength(3);
    expect((await lanes(page))[1], "VeRA leaves the others alone").toContain("r 1 α 10");
    expect((await lanes(page))[2]).toMatch(/r 24 First scale 0.1 .* −92 %/);

    await setRank(page, 4);
    const told = bar.getByText("RandLoRA r 1 → 3 to match LoRA's 2,688.");
    await told.waitFor();
    await page.evaluate(AXE);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const { violations } = await page.evaluate(() =>
        (globalThis as unknown as { axe: { run(context: Document): Promise<AxeResults> } }).axe.run(document),
      );
      expect(violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
    }
    await button(bar, "Undo").click();
    await expect.poll(() => told.count(), SOON).toBe(0);
    expect(await matching.isChecked()).toBe(false);
    expect(await bar.innerText()).toContain("Match parameters: off");
    expect(await lanes(page)).toEqual([
      expect.stringMatching(/^LoRA r 4 α 8 /),
      expect.stringMatching(/^RandLoRA r 1 α 10 .* × 2\.68$/),
      expect.stringMatching(/^VeRA .* −77 %$/),
    ]);
    await matching.check();
    await told.waitFor();
  }));

test("empty charts follow the settings", () =>
  visit(app.browser, `${app.url}#data=eurosat-mini&steps=20`, async (page) => {
    const loss = region(page, "Race").getByRole("figure").first();
    const ends = (last: string) => expect.poll(() => loss.innerText().then((text) => text.split(/\s+/)), SOON).toContain(last);
    await ends("20");
    const steps = region(page, "Lanes").getByLabel("Steps", { exact: true });
    await steps.fill("60");
    await steps.press("Enter");
    await ends("60");
  }));

/** The strip of images beside the augmentation settings, in a real browser: it follows every setting, before any run. */
import { expect, test } from "vitest";
import { button, MINUTE, stage, visit } from "./browser/stage.ts";

const app = stage();

test(
  "the preview shows images as they are, then as a step may see them, drawn anew at the press of a button",
  () =>
    visit(app.browser, `${app.url}#data=eurosat-mini&flip=1`, async (page) => {
      const load = button(page, "Load sample");
      await load.click();
      await button(page, "More").click({ timeout: 2 * MINUTE });
      const settings = page.getByRole("dialog", { name: "More settings" });
      const strip = (name: RegExp) => settings.getByRole("img", { name });
      /** The bytes of a strip; "" while nothing is drawn on it. */
      const drawn = (name: RegExp) =>
        strip(name).evaluate((canvas: HTMLCanvasElement) => {
          const { data } = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] };
          return data.some((v) => v > 0) ? data.join() : "";
        });
      const [before, after] = [/as they are$/, /as a step may see them$/];
      const waited = { timeout: 3 * MINUTE, interval: 200 };
      await expect.poll(() => drawn(after), waited).not.toBe("");
      const original = await drawn(before);
      const flipped = await drawn(after);
      expect(flipped).not.toBe(original);
      await settings.getByRole("checkbox", { name: "Flip" }).click();
      await expect.poll(() => drawn(after), waited).toBe(original);
      const shift = settings.getByRole("textbox", { name: "Shift" });
      await shift.fill("4");
      await shift.press("Tab");
      await expect.poll(() => drawn(after), waited).not.toBe(original);
      const shifted = await drawn(after);
      await settings.getByRole("button", { name: "Draw again" }).click();
      await expect.poll(() => drawn(after), waited).not.toBe(shifted);
      expect(await drawn(before)).toBe(original);
      expect(new URL(page.url()).hash).toContain("shift=4");
    }),
  10 * MINUTE,
);

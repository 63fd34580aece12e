/** The page explains itself: a tour that never covers what it explains, equations for every method, warnings where they belong. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { listMethods } from "../src/store/methods.ts";
import { FORMULAS } from "../src/ui/help/formulas.tsx";
import { button, MINUTE, stage, visit } from "./browser/stage.ts";

const LONG = { timeout: 2 * MINUTE, interval: 100 };

const app = stage({ toy: true });

/** Pixels of the card that lie over what it explains, once it has come to rest. */
const covered = (page: Page): Promise<number> =>
  page.evaluate(() => {
    const [card, target] = [".stop", "[data-tour]"].map((selector) => document.querySelector(selector)?.getBoundingClientRect());
    if (!card || !target) return Number.NaN;
    const width = Math.min(card.right, target.right) - Math.max(card.left, target.left);
    const height = Math.min(card.bottom, target.bottom) - Math.max(card.top, target.top);
    const isSeen = card.left >= 0 && card.top >= 0 && card.right <= innerWidth && card.bottom <= innerHeight;
    return isSeen ? Math.max(0, width) * Math.max(0, height) : Number.NaN;
  });

/** Whether Train can be seen whole and pressed, and what is explained has a frame around it. */
const shows = (page: Page): Promise<{ readonly train: boolean; readonly framed: boolean }> =>
  page.evaluate(() => {
    const box = document.querySelector(".controls .main")?.getBoundingClientRect();
    const target = document.querySelector("[data-tour]");
    const free = (x: number, y: number) => document.elementFromPoint(x, y)?.closest(".controls .main");
    return {
      train: Boolean(box && free(box.left + 4, box.top + 4) && free(box.right - 4, box.bottom - 4)),
      framed: target !== null && getComputedStyle(target).outlineStyle === "solid",
    };
  });

const STOPS = ["Images", "Lanes", "Train", "Accuracy", "Rank of the update", "Result", "Look closer"];

test.each([360, 1440, 3840])(
  "the tour goes by keyboard past everything, at %i px, and is offered once",
  (width) =>
    visit(app.browser, app.url, async (page) => {
      await page.setViewportSize({ width, height: width === 3840 ? 2160 : 800 });
      await button(page, "Show me around").click();
      await expect.poll(() => page.locator(".panel.images .classes").count(), LONG).toBe(1);
      for (const [i, title] of STOPS.entries()) {
        const card = page.getByRole("dialog", { name: title });
        await card.waitFor();
        await expect.poll(() => covered(page), { ...LONG, message: title }).toBe(0);
        const train = width < 1200 || (title !== "Rank of the update" && title !== "Look closer");
        expect(await shows(page), title).toMatchObject({ framed: true, ...(train && { train }) });
        const onward = card.getByRole("button", { name: i < STOPS.length - 1 ? "Next" : "Done" });
        await expect.poll(() => onward.evaluate((element) => element === document.activeElement), LONG).toBe(true);
        await page.keyboard.press("Enter");
      }
      await page.locator(".stop").waitFor({ state: "hidden" });
      expect(await page.evaluate(() => document.activeElement?.id)).toBe("page-menu");

      await page.reload();
      await button(page, /^Model CLIP-tiny/).waitFor();
      expect(await button(page, "Show me around").count()).toBe(0);
      await button(page, "This page").click();
      await page.getByRole("menuitem", { name: "Show me around" }).click();
      await page.getByRole("dialog", { name: "Images" }).waitFor();
      await page.keyboard.press("Escape");
      await page.locator(".stop").waitFor({ state: "hidden" });
    }),
  5 * MINUTE,
);

test(
  "the tour asks to train, which is done with the card open, and says of the lanes what they are",
  () =>
    visit(app.browser, `${app.url}#match=0&steps=40&batch=2&test=0&validation=0.05`, async (page) => {
      const says = (title: string) => page.getByRole("dialog", { name: title }).innerText();
      const onward = () => page.getByRole("dialog").getByRole("button", { name: "Next" }).click();
      await button(page, "Load sample").click();
      await expect.poll(() => page.locator(".panel.images .classes").count(), LONG).toBe(1);
      // A sample is not one's own.
      await button(page, "Show me around").click();
      expect(await says("Images")).toMatch(/small set of pictures/);
      await onward();
      expect(await says("Lanes")).toMatch(/how many parameters it trains/);
      await onward();
      expect(await says("Train")).toMatch(/^Train\s+Press Train now/);
      await button(page, "Train").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await expect.poll(() => says("Train"), LONG).toMatch(/All lanes learn/);
      expect(await says("Train")).not.toMatch(/Press Train now/);
      await page.keyboard.press("Escape");
      await page.locator(".stop").waitFor({ state: "hidden" });
    }),
  3 * MINUTE,
);

test(
  "who trains without the tour is not offered it any more",
  () =>
    visit(app.browser, `${app.url}#steps=40&batch=2`, async (page) => {
      await button(page, "Load sample").click();
      await expect.poll(() => page.locator(".panel.images .classes").count(), LONG).toBe(1);
      await button(page, "Show me around").waitFor();
      await button(page, "Train").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await button(page, "Show me around").waitFor({ state: "hidden" });
      await page.reload();
      await button(page, /^Model CLIP-tiny/).waitFor();
      expect(await button(page, "Show me around").count()).toBe(0);
    }),
  3 * MINUTE,
);

test(
  "every method has its equation, which the browser draws, and its paper one click away",
  () =>
    visit(app.browser, app.url, async (page) => {
      expect(Object.keys(FORMULAS).sort()).toEqual(
        listMethods()
          .map(({ id }) => id)
          .sort(),
      );
      await button(page, "How this works").click();
      const dialog = page.getByRole("dialog", { name: "How this works" });
      await dialog.getByRole("heading", { name: "Equations" }).waitFor();
      expect(await dialog.locator("math").count()).toBe(listMethods().length);
      // A fraction of MathML is drawn as one: its parts stand one above the other.
      const [top = 0, bottom = 0] = await dialog
        .locator("math mfrac")
        .first()
        .evaluate((fraction) => [...fraction.children].map((part) => part.getBoundingClientRect().top));
      expect(bottom).toBeGreaterThan(top + 4);
      const links = await dialog
        .locator(".formulas a")
        .evaluateAll((all) => all.map((link) => [link.getAttribute("href"), link.getAttribute("target"), link.getAttribute("rel")]));
      expect(links.length).toBeGreaterThanOrEqual(9);
      for (const [href, target, rel] of links)
        expect([/^https:\/\/arxiv\.org\/abs\/\d{4}\.\d{5}$/.test(String(href)), target, rel]).toEqual([
          true,
          "_blank",
          "noopener noreferrer",
        ]);
    }),
  MINUTE,
);

test(
  "a link says what it holds where it is copied, and what came with it where it is opened",
  () =>
    visit(app.browser, `${app.url}#steps=20&seeds=3`, async (page) => {
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      const arrival = page.getByRole("status").filter({ hasText: "came with a link" });
      await expect.poll(() => arrival.innerText(), LONG).toMatch(/LoRA and RandLoRA, 20 steps, 3 seeds\. Images are not in a link/);
      await page.clock.install();
      const places = () =>
        page
          .getByRole("navigation", { name: "Page" })
          .getByRole("button")
          .evaluateAll((all) => all.map((one) => one.getBoundingClientRect().x));
      const before = await places();
      await button(page, "Share").click();
      const said = page.getByRole("status").filter({ hasText: "Link copied: methods and settings, not your images." });
      await said.waitFor();
      expect(await places()).toEqual(before);
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
      await page.clock.fastForward(4000);
      expect(await said.isVisible()).toBe(true);
      await page.clock.fastForward(10_000);
      await said.waitFor({ state: "detached" });

      // It is this tab's own address now.
      await page.reload();
      await button(page, /^Model CLIP-tiny/).waitFor();
      expect(await arrival.count()).toBe(0);
      await page.goto(`${app.url}#data=clothing-mini&seeds=2`);
      await expect.poll(() => arrival.innerText(), LONG).toMatch(/Its images are the sample set Clothing\./);
      await button(arrival, "Load it").click();
      await page.getByText("300 images in 10 classes").waitFor({ timeout: LONG.timeout });
      expect(await button(arrival, "Load it").count()).toBe(0);
      await button(arrival.locator(".."), "Dismiss").click();
      expect(await arrival.count()).toBe(0);
    }),
  2 * MINUTE,
);

test(
  "a term explains itself under a pointer that stays and goes with it; what is asked for stays until Escape",
  () =>
    visit(app.browser, app.url, async (page) => {
      const term = button(page, "Balanced");
      const text = page.getByRole("dialog", { name: "Balanced" });
      await term.hover();
      await text.waitFor();
      expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true);
      await page.mouse.move(700, 10);
      await text.waitFor({ state: "detached" });

      await page.clock.install();
      await term.hover();
      await page.clock.fastForward(1000);
      await text.waitFor();
      await text.hover();
      await page.clock.fastForward(5000);
      expect(await text.isVisible()).toBe(true);
      await page.keyboard.press("Escape");
      await text.waitFor({ state: "detached" });

      await page.mouse.move(700, 10);
      await term.hover();
      await page.clock.fastForward(1000);
      await text.waitFor();
      await term.click();
      await page.mouse.move(700, 10);
      await page.clock.fastForward(5000);
      expect(await text.isVisible()).toBe(true);
      await page.keyboard.press("Escape");
      await text.waitFor({ state: "detached" });

      await term.focus();
      await page.keyboard.press("Enter");
      await text.waitFor();
      await page.keyboard.press("Escape");
      await text.waitFor({ state: "detached" });
      expect(await term.evaluate((element) => element === document.activeElement)).toBe(true);
    }),
  MINUTE,
);

test(
  "a learning rate that has collapsed is told beside Train and at its field, and goes when it is mended",
  () =>
    visit(app.browser, `${app.url}#match=0&lanes=lora_rank-16_alpha-32_lr-0.01`, async (page) => {
      const list = page.getByRole("list", { name: "Before you train" });
      await expect.poll(() => list.innerText().catch(() => ""), LONG).toMatch(/LoRA: learning rate 0\.01.*collapsed.*Up to 0\.003/);
      await button(page, /^Settings of LoRA/).click();
      const settings = page.getByRole("dialog", { name: /^Settings of LoRA/ });
      await expect.poll(() => settings.innerText(), LONG).toMatch(/collapsed/);
      await settings.getByLabel("Learning rate", { exact: true }).fill("0.003");
      await page.keyboard.press("Enter");
      await expect.poll(() => settings.innerText(), LONG).not.toMatch(/collapsed/);
      expect(await list.count()).toBe(0);
    }),
  2 * MINUTE,
);

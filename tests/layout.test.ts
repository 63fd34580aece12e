/** The page as one moves about it: what scrolls, what lies below the steps and how one gets there, at several sizes of the window. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { drop } from "./browser/harness.mjs";
import { someOf } from "./browser/set.ts";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const LONG = { timeout: 4 * MINUTE, interval: 100 };
const STEPS = 4;
const SETTINGS = `#steps=${STEPS}&seeds=2&batch=4&match=0&targets=q&test=0.2&lanes=lora_rank-4*randlora_rank-16*vera`;
const SIZES = [
  [1440, 900],
  [1280, 720],
  [1920, 1080],
  [360, 800],
] as const;

/** Views that work only when they are told to. */
const ASKED = new Map([
  ["Shared directions", /same directions\?[\s\S]*training goes on/],
  ["Likeness (CKA)", /images alike\?[\s\S]*training waits/],
  ["Loss surface", /same solution\?[\s\S]*about a minute/],
]);

const app = stage({ toy: true });

/** Twenty images of each of two classes. */
const images = (): Promise<string> =>
  someOf(app, (path) => {
    const [, name, file] = /(Forest|River)\/(\w+_0[01]\d\.jpg)$/.exec(path) ?? [];
    return name && file && `set/${name}/${file}`;
  });

/** Whatever in the steps would catch the wheel, and panels that let something hang out; in words. */
const traps = (page: Page): Promise<string[]> =>
  page.evaluate(() => {
    const all = [...document.querySelectorAll<HTMLElement>(".steps, .steps *")];
    const caught = all.filter((element) => {
      const { overflowY } = getComputedStyle(element);
      return (overflowY === "auto" || overflowY === "scroll") && element.scrollHeight > element.clientHeight;
    });
    const out = [".images", ".race", ".result"].flatMap((name) => {
      const panel = document.querySelector<HTMLElement>(`.panel${name}`);
      return panel && panel.scrollHeight > panel.clientHeight ? [`${name} overflows`] : [];
    });
    const wide = document.documentElement.scrollWidth > innerWidth ? [`the page is ${document.documentElement.scrollWidth} wide`] : [];
    return [...caught.map(({ className }) => `${className} scrolls`), ...out, ...wide];
  });

async function nothingCaught(page: Page): Promise<void> {
  for (const [width, height] of SIZES) {
    await page.setViewportSize({ width, height });
    await expect.poll(() => traps(page), { ...LONG, message: `${width} × ${height}` }).toEqual([]);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

const scrolled = (page: Page): Promise<number> => page.evaluate(() => scrollY);

/** With the pointer over each of the three, one turn moves the page. */
async function wheelMovesThePage(page: Page): Promise<void> {
  for (const name of ["Images", "Race", "Result"]) {
    await page.evaluate(() => scrollTo(0, 0));
    await expect.poll(() => scrolled(page)).toBe(0);
    const box = await region(page, name).boundingBox();
    if (!box) throw new Error(`${name} is not there`);
    await page.mouse.move(box.x + box.width / 2, box.y + 300);
    await page.mouse.wheel(0, 120);
    await expect.poll(() => scrolled(page), { ...LONG, message: name }).toBeGreaterThan(60);
  }
}

const tabsTop = (page: Page): Promise<number | undefined> =>
  page
    .getByRole("tablist")
    .boundingBox()
    .then((box) => box?.y);

test(
  "only the page scrolls, before a race and after it; from the result one gets to the views, whose tabs stay in place and are remembered",
  () =>
    visit(app.browser, app.url + SETTINGS, async (page) => {
      await page.emulateMedia({ reducedMotion: "reduce" });
      const closer = region(page, "Look closer");
      const chosen = () => page.getByRole("tab", { selected: true }).allInnerTexts();
      await nothingCaught(page);
      await wheelMovesThePage(page);

      // That there is more below is said in the window, wherever one is in the steps.
      const hint = page.locator("button.below");
      await page.evaluate(() => scrollTo(0, 0));
      expect((await hint.boundingBox())?.y).toBeLessThan(900 - 24);
      expect(await hint.innerText()).toMatch(/^Look closer: /);
      expect(await button(region(page, "Result"), /^Look closer: /).count()).toBe(0);

      await drop(page, region(page, "Images"), [await images()]);
      await button(page, "Train").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await expect.poll(() => region(page, "Race").innerText(), LONG).toMatch(/2 of 2 races/);
      await button(page, "Train").waitFor();
      await nothingCaught(page);
      await wheelMovesThePage(page);

      await button(region(page, "Result"), /^Look closer: /).click();
      await expect.poll(() => tabsTop(page)).toBeLessThan(120);
      expect(await closer.innerText()).toContain(`Seed 2 of 2, 8 test images, after step ${STEPS}`);

      // The arrow keys choose, and the tabs stay where they are whatever a view shows.
      expect(await chosen()).toEqual(["Confusions"]);
      const top = await tabsTop(page);
      for (const name of ["Per class", "Mistakes", "Disagreements", "Embeddings", "Attention", "Live", "Ranks", ...ASKED.keys()]) {
        await page.keyboard.press("ArrowRight");
        await expect.poll(chosen).toEqual([name]);
        await closer.getByText("Fetching the view").waitFor({ state: "hidden" });
        // What one would learn, and what it takes.
        const asked = ASKED.get(name);
        if (asked) expect(await closer.innerText()).toMatch(asked);
        expect(await tabsTop(page)).toBe(top);
      }

      await page.setViewportSize({ width: 360, height: 800 });
      const rows = await page.getByRole("tab").evaluateAll((tabs) => new Set(tabs.map((tab) => tab.getBoundingClientRect().top)).size);
      expect(rows).toBe(1);
      await page.reload();
      await expect.poll(chosen, LONG).toEqual(["Loss surface"]);
      const tab = await page.getByRole("tab", { selected: true }).boundingBox();
      expect(tab && tab.x >= 0 && tab.x + tab.width <= 360).toBe(true);
    }),
  5 * MINUTE,
);

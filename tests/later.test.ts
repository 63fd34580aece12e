/** What is fetched when it is first shown may not come: the rest of the page goes on. In a real browser. */
import { expect, test } from "vitest";
import { button, MINUTE, region, stage } from "./browser/stage.ts";

const app = stage();

test(
  "a part that cannot be fetched says so in its place, and can be tried again",
  async () => {
    // The offline copy would have it.
    const context = await app.browser.newContext({ serviceWorkers: "block", viewport: { width: 1440, height: 900 } });
    const page = await context.newPage();
    const uncaught: string[] = [];
    page.on("pageerror", (error) => uncaught.push(error.message));
    try {
      await page.route(/assets\/live-[^/]*\.js$/, (route) => route.abort("connectionfailed"));
      await page.goto(app.url);
      const closer = region(page, "Look closer");
      await closer.getByRole("tab", { name: "Live" }).click();
      await closer.getByRole("alert").waitFor({ timeout: MINUTE });
      expect(await closer.getByRole("alert").innerText()).toMatch(/could not be shown[\s\S]*Kept[\s\S]*the race[\s\S]*Try again/);
      await closer.getByRole("tab", { name: "Ranks" }).click();
      await closer.getByRole("alert").waitFor({ state: "detached" });
      await button(page, "Load sample").click();
      await region(page, "Images").getByText("600 images in 10 classes").waitFor({ timeout: MINUTE });
      await closer.getByRole("tab", { name: "Live" }).click();
      await page.unroute(/assets\/live-[^/]*\.js$/);
      await button(closer, "Try again").click();
      await expect.poll(() => closer.getByRole("alert").count(), { timeout: MINUTE }).toBe(0);
      await closer
        .getByText(/camera/i)
        .first()
        .waitFor({ timeout: MINUTE });
      expect(uncaught).toEqual([]);
    } finally {
      await context.close();
    }
  },
  3 * MINUTE,
);

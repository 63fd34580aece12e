/** The page keeps to its machine: its policy holds in the page and in its workers, and nothing that the page does offends it. */
import type { Locator, Page } from "playwright-core";
import { expect, test } from "vitest";
import { HUB_HOSTS, hostsOf, POLICY } from "../src/store/policy.ts";
import { drop, open, serve } from "./browser/harness.mjs";
import { smallSet } from "./browser/set.ts";
import { button, MINUTE, region, stage, visit } from "./browser/stage.ts";

const LONG = { timeout: 5 * MINUTE, interval: 100 };
const SETTINGS = "#steps=1&batch=4&match=0&targets=q&lanes=lora_rank-4_alpha-8";

const app = stage();

const fact = (dialog: Locator, name: string): Locator =>
  dialog.getByText(name, { exact: true }).locator("xpath=..").getByRole("definition");

async function openPrivacy(page: Page): Promise<Locator> {
  await button(page, "This page").click();
  await page.getByRole("menuitem", { name: "Nothing leaves this machine" }).click();
  const dialog = page.getByRole("dialog", { name: "Nothing leaves this machine" });
  await fact(dialog, "May be asked").waitFor();
  return dialog;
}

test("the Hub is the only other host of the policy, and nothing is allowed inline but style elements", () => {
  expect(hostsOf(POLICY).map((host) => `https://${host}`)).toEqual(HUB_HOSTS);
  expect(POLICY.match(/[\w-]+ [^;]*'unsafe-\w+'/g)).toEqual(["style-src-elem 'self' 'unsafe-inline'"]);
});

test(
  "a run, its exports, the dialogs and the lab work under the policy without a violation",
  () =>
    visit(app.browser, "about:blank", async (page, problems) => {
      await page.addInitScript(() => {
        const seen: string[] = [];
        Object.assign(globalThis, { seen });
        addEventListener("securitypolicyviolation", (event) =>
          seen.push(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`),
        );
      });
      await page.goto(app.url + SETTINGS);
      await drop(page, region(page, "Images"), [await smallSet(app)]);
      await button(page, "Train").and(page.locator(":enabled")).click({ timeout: MINUTE });
      await expect.poll(() => region(page, "Race").innerText(), LONG).toMatch(/step 1 \/ 1[\s\S]*Done|Done[\s\S]*step 1 \/ 1/);

      await button(page, "Export").click();
      const dialog = page.getByRole("dialog", { name: "Export" });
      await dialog.getByRole("radio", { name: /^ONNX/ }).check();
      const download = page.waitForEvent("download", { timeout: 5 * MINUTE });
      await button(dialog, "Download ONNX").click();
      await download;
      const difference = dialog.getByText("Largest difference of a logit").locator("xpath=..").getByRole("definition");
      expect(Number(await difference.innerText({ timeout: MINUTE }))).toBeLessThan(1e-3);
      await page.keyboard.press("Escape");

      for (const name of [/^Model/, "How this works"]) {
        await button(page, name).click();
        await page.getByRole("dialog").getByRole("button").first().waitFor();
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "hidden" });
      }
      for (const name of [/^Settings of LoRA/, "More", "Import adapter"]) {
        await button(page, name).click();
        await page.getByRole("dialog").waitFor();
        await page.keyboard.press("Escape");
      }
      await page.goto(`${app.url}#lab`);
      await button(page, "Run").click();
      await expect.poll(() => page.locator("main").innerText(), LONG).toMatch(/of \d+ kernels|matmul/i);

      expect(problems).toEqual([]);
      expect(await page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen)).toEqual([]);
      await page.goto(app.url);
      const privacy = await openPrivacy(page);
      expect(await fact(privacy, "Asked outside so far").innerText()).toBe("none");
      expect(await fact(privacy, "Refused so far").innerText()).toBe("none");
      expect(await fact(privacy, "May be asked").innerText()).toBe(`the server this page came from, ${hostsOf(POLICY).join(", ")}`);
    }),
  15 * MINUTE,
);

test(
  "the page and its workers are refused another host, and the page says so",
  async () => {
    const other = await serve(app.built);
    const { page } = await open(app.browser, app.url);
    try {
      await expect.poll(() => page.workers().length, LONG).toBeGreaterThan(0);
      const ask = (url: string) =>
        fetch(url, { mode: "no-cors" }).then(
          () => "answered",
          () => "refused",
        );
      expect(await page.evaluate(ask, `${app.url}icon.svg`)).toBe("answered");
      expect(await page.evaluate(ask, `${other.url}icon.svg`)).toBe("refused");
      for (const worker of page.workers()) {
        expect(await worker.evaluate(ask, `${app.url}icon.svg`)).toBe("answered");
        expect(await worker.evaluate(ask, `${other.url}icon.svg`)).toBe("refused");
      }
      const privacy = await openPrivacy(page);
      const { host } = new URL(other.url);
      await expect.poll(() => fact(privacy, "Refused so far").innerText()).toBe(`${host}: ${1 + page.workers().length} requests`);
    } finally {
      other.close();
      await page.context().close();
    }
  },
  3 * MINUTE,
);

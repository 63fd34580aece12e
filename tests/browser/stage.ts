/** What tests of the page begin with: the app, a browser, and stories told on its pages. */
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect } from "vitest";
import { type App, startApp } from "./app.ts";
import { launch, open } from "./harness.mjs";

export const MINUTE = 60_000;

export interface Stage extends Omit<App, "close"> {
  readonly browser: Browser;
}

/** The app and a browser for all tests of a file, called at its top: both are there when a test runs, and end with the last one. */
export function stage({ toy = false, more = [] }: { readonly toy?: boolean; readonly more?: readonly string[] } = {}): Stage {
  let app: App;
  let browser: Browser;
  beforeAll(async () => {
    app = await startApp({ toy });
    browser = await launch({ more });
  }, 5 * MINUTE);
  afterAll(async () => {
    await browser?.close();
    app?.close();
  });
  return {
    get url() {
      return app.url;
    },
    get built() {
      return app.built;
    },
    get scratch() {
      return app.scratch;
    },
    get browser() {
      return browser;
    },
  };
}

/** Tells a story on a page of its own. What fails is told together with what the page showed; `problems` must be none in the end. */
export async function visit(browser: Browser, url: string, story: (page: Page, problems: string[]) => Promise<void>): Promise<void> {
  const { page, problems } = await open(browser, url);
  try {
    await story(page, problems).catch(async (cause: unknown) => {
      const shown = await page.locator("body").innerText({ timeout: 5000 }).catch(String);
      throw new Error(`${String(cause)}\n${problems.join("\n")}\nThe page showed:\n${shown}`, { cause });
    });
    expect(problems).toEqual([]);
  } finally {
    await page.context().close();
  }
}

export const region = (page: Page | Locator, name: string): Locator => page.getByRole("region", { name, exact: true });
export const button = (page: Page | Locator, name: string | RegExp): Locator => page.getByRole("button", { name, exact: true });

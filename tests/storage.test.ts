/** What the page keeps on a machine is listed in one place with its size, and goes when one says so twice. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { MINUTE, region, stage, visit } from "./browser/stage.ts";

const LONG = { timeout: MINUTE, interval: 100 };

const app = stage();

/** Files in the origin's private file system, written as any worker of the page would. */
async function plant(page: Page, files: Readonly<Record<string, number>>): Promise<void> {
  await page.evaluate(async (sizes) => {
    for (const [path, size] of Object.entries(sizes)) {
      const folders = path.split("/");
      const name = folders.pop() as string;
      let folder = await navigator.storage.getDirectory();
      for (const part of folders) folder = await folder.getDirectoryHandle(part, { create: true });
      const writer = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await writer.write(new Uint8Array(size));
      await writer.close();
    }
  }, files);
}

const focused = (page: Page): Promise<string | null | undefined> => page.evaluate(() => document.activeElement?.textContent);

test(
  "every shelf tells what it holds; what is removed is gone, and what is kept is not",
  () =>
    visit(app.browser, app.url, async (page) => {
      await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller !== null), LONG).toBe(true);
      const revision = "0123456789abcdef0123456789abcdef01234567";
      await plant(page, {
        [`models/toy/vit/${revision}/model.safetensors`]: 3 * 2 ** 20,
        [`models/toy/other/${revision}/config.json`]: 2048,
        "tuning/some%20GPU.json": 5000,
      });
      await page.getByRole("button", { name: "Load sample" }).click();
      await page.getByText("600 images in 10 classes").waitFor({ timeout: LONG.timeout });
      await page.getByRole("button", { name: "Light or dark" }).click();

      const menu = page.getByRole("button", { name: "This page" });
      await menu.click();
      await page.getByRole("menuitem", { name: "Storage" }).click();
      const dialog = page.getByRole("dialog", { name: "Storage" });
      await expect.poll(() => region(dialog, "Models of the Hub").innerText(), LONG).toMatch(/3\.0 MiB[\s\S]*toy\/vit not finished/);
      const tells = (name: string, words: RegExp) => expect.poll(() => region(dialog, name).innerText(), LONG).toMatch(words);
      await tells("Images", /Land from space, 600 images \w+ \d+, .*in use here\s*[\d.]+ MiB/);
      await tells("Runs", /nothing/);
      await tells("Kernel choices", /some GPU\s*5 KiB/);
      await tells("Settings", /Light or dark/);
      await expect.poll(() => region(dialog, "Offline copy").innerText(), LONG).toMatch(/This page\s*[23]\d MiB/);
      expect(await dialog.innerText()).toMatch(/in use, by the browser's count, of [\d.]+ GiB/);

      const images = region(dialog, "Images");
      await images.getByRole("button", { name: "Remove Land from space, 600 images" }).click();
      expect(await focused(page)).toBe("Keep");
      await page.keyboard.press("Enter");
      expect(await focused(page)).toBe("Remove");
      expect(await images.innerText()).toContain("Land from space");
      await images.getByRole("button", { name: "Remove Land from space, 600 images" }).click();
      await images.getByRole("button", { name: "Yes, remove" }).click();
      await expect.poll(() => images.innerText(), LONG).toMatch(/nothing/);
      expect(await focused(page)).toBe("Images");
      const left = () =>
        page.evaluate(async () => {
          const names: string[] = [];
          type Folder = FileSystemDirectoryHandle & { entries(): AsyncIterable<[string, Folder | FileSystemFileHandle]> };
          const walk = async (folder: Folder): Promise<void> => {
            for await (const [name, entry] of folder.entries()) await (entry.kind === "file" ? names.push(name) : walk(entry as Folder));
          };
          await walk((await (await navigator.storage.getDirectory()).getDirectoryHandle("images")) as Folder);
          return names;
        });
      await expect.poll(left, LONG).toEqual([]);

      const models = region(dialog, "Models of the Hub");
      await models.getByRole("button", { name: "Remove all of Models of the Hub" }).click();
      expect(await models.innerText()).toContain("Remove 2 items, 3.0 MiB?");
      await models.getByRole("button", { name: "Yes, remove" }).click();
      await expect.poll(() => models.innerText(), LONG).toMatch(/nothing/);

      await region(dialog, "Offline copy").getByRole("button", { name: "Remove This page" }).click();
      await dialog.getByRole("button", { name: "Yes, remove" }).click();
      await expect.poll(() => page.evaluate(() => caches.keys()), LONG).toEqual([]);
      await region(dialog, "Settings").getByRole("button", { name: "Remove Light or dark" }).click();
      await dialog.getByRole("button", { name: "Yes, remove" }).click();
      await expect.poll(() => page.evaluate(() => localStorage.getItem("theme")), LONG).toBeNull();

      await page.keyboard.press("Escape");
      await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute("aria-label")), LONG).toBe("This page");
    }),
  5 * MINUTE,
);

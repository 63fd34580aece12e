/** A browser with WebGPU for the tests: the one in CHROME, one that is installed, or one that is installed here and now. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { aptInstall, candidate, mayInstall, update } from "./apt.mjs";
import { run, tool } from "./tools.mjs";

const NAMES = ["chromium", "google-chrome-stable", "google-chrome", "chromium-browser"];
const PLACES = {
  darwin: ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"],
  win32: [process.env.ProgramFiles, process.env["ProgramFiles(x86)"], process.env.LOCALAPPDATA]
    .filter(Boolean)
    .flatMap((folder) => [join(folder, "Google/Chrome/Application/chrome.exe"), join(folder, "Microsoft/Edge/Application/msedge.exe")]),
  linux: (process.env.PATH ?? "").split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name))),
};

/** The path of a browser that really gives a page a WebGPU adapter. Throws when there is none and none can be installed. */
export async function browser() {
  const { adapterOf } = await import("../browser/harness.mjs"); // after `install()`: it needs playwright-core
  const { chromium } = await import("playwright-core");
  const works = async (path) => existsSync(path) && (await adapterOf(path).catch(() => undefined)) !== undefined;
  const given = process.env.CHROME;
  if (given) {
    if (await works(given)) return given;
    throw new Error(`CHROME is ${given}, but that gives a page no WebGPU adapter.`);
  }
  const find = async () => {
    for (const path of [...(PLACES[process.platform] ?? []), chromium.executablePath()]) if (await works(path)) return path;
    return undefined;
  };
  const found = await find();
  if (found) return found;
  await installBrowser();
  const installed = await find();
  if (installed) return installed;
  throw new Error(
    "No browser with WebGPU was found, and installing one did not help. Install Chrome or Chromium and set CHROME to its path.",
  );
}

/** Debian has Chromium; Ubuntu's package is a snap that does not start headless as root, so everyone else gets Playwright's. */
async function installBrowser() {
  if (mayInstall) {
    await update();
    const version = await candidate("chromium");
    if (version && !version.includes("snap") && (await aptInstall(["chromium", "fonts-liberation"]))) return;
  }
  console.log("Installing Chromium with Playwright …");
  const code = await tool("playwright-core", ["install", "--no-shell", ...(mayInstall ? ["--with-deps"] : []), "chromium"]);
  if (code !== 0 && mayInstall) await run("apt-get", ["-qq", "check"]);
}

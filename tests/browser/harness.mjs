/**
 * The app in a real browser. Plain JavaScript on Node built-ins and playwright-core, so that it also runs where there is a
 * GPU but neither network nor the development tools: serve a built `dist/`, name the browser, and give its flags.
 *
 *   CHROME            the browser's program; without it Playwright's own Chromium
 *   CHROME_GPU_FLAGS  flags that lead it to the GPU; without them a software adapter does
 */
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, resolve, sep } from "node:path";
import { chromium } from "playwright-core";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".zip": "application/zip",
};

/** Serves a folder on a free port of this computer. */
export async function serve(folder) {
  const top = resolve(folder);
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    const file = join(top, normalize(path.endsWith("/") ? `${path}index.html` : path));
    const found = file.startsWith(top + sep) ? statSync(file, { throwIfNoEntry: false }) : undefined;
    if (!found?.isFile()) {
      response.writeHead(404).end("not found");
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-length": found.size });
    createReadStream(file).pipe(response);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}

/** Starts a browser, with WebGPU or with all graphics off. `more`: further flags. */
export async function launch({ webgpu = true, executable = process.env.CHROME, more = [] } = {}) {
  const flags = webgpu ? (process.env.CHROME_GPU_FLAGS ?? "--enable-unsafe-webgpu").split(" ").filter(Boolean) : ["--disable-gpu"];
  return chromium.launch({ args: [...flags, ...more], ...(executable && { executablePath: executable }) });
}

/** Opens a page and collects what must not happen: errors on the console, exceptions nobody caught, a crash, a failed request. */
export async function open(browser, url) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const problems = [];
  page.on("console", (message) => message.type() === "error" && problems.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`uncaught: ${error.stack ?? error.message}`));
  page.on("crash", () => problems.push("the page crashed"));
  page.on("response", (response) => response.status() >= 400 && problems.push(`${response.status()} ${response.url()}`));
  await page.goto(url);
  return { page, problems };
}

/** Drags files from outside the browser on the middle of an element and lets go: trusted events, real files. */
export async function drop(page, target, paths) {
  await target.scrollIntoViewIfNeeded();
  const box = await target.boundingBox();
  if (!box) throw new Error("the place to drop on is not visible");
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files: paths.map((path) => resolve(path)), dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"]) await session.send("Input.dispatchDragEvent", { type, x, y, data });
  await session.detach();
}

/** What WebGPU gives a page in this browser, or undefined. */
export async function adapterOf(executable) {
  const server = await serve(import.meta.dirname ?? ".");
  const browser = await launch({ executable });
  try {
    const page = await browser.newPage();
    await page.route("**/*", (route) => route.fulfill({ contentType: "text/html", body: "<title>adapter</title>" }));
    await page.goto(server.url); // a page on this computer counts as secure, which WebGPU asks for
    return await page.evaluate(async () => {
      const { info } = (await navigator.gpu?.requestAdapter()) ?? {};
      return info && { name: info.description || `${info.vendor} ${info.architecture}`, software: info.isFallbackAdapter };
    });
  } finally {
    await browser.close();
    server.close();
  }
}

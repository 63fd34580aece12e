/**
 * How the page takes image sets of growing size, in a real browser with a disk of its own:
 *   node tests/bench/scale.mjs [DIST] [SIZES] [STEPS] [BATCH] [SETTINGS]
 * SIZES is "1000,10000,100000", SETTINGS more of the address; STEPS 0 trains nothing. DIST is a built app (`npm run build`). Each set is a
 * tar of distinct JPEGs of 64 pixels, made in the folder for temporary files. For each it prints the images imported a second, the
 * longest task of the page's main thread, the largest JavaScript heap of the page and of all its workers together (garbage that was not
 * collected yet is part of it), the time until a reloaded page shows the images again, and the milliseconds of a training step.
 * CHROME and CHROME_GPU_FLAGS are as in tests/browser.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { BlobReader, Uint8ArrayWriter, ZipReader } from "@zip.js/zip.js";
import { chromium } from "playwright-core";
import { drop, serve } from "../browser/harness.mjs";

const [dist = "dist", sizes = "1000,10000,100000", steps = "100", batch = "64", more = ""] = process.argv.slice(2);
const MINUTE = 60_000;
const MIB = 2 ** 20;
/** In each class, for the measurements along the way: as few as can be, so that the steps are what takes the time. */
const VALIDATION = 2;
const CLASSES = 10;

const flags = (process.env.CHROME_GPU_FLAGS ?? "--enable-unsafe-webgpu").split(" ").filter(Boolean);
const scratch = mkdtempSync(join(tmpdir(), "fullrank-scale-"));
const { url, close } = await serve(dist);
try {
  const jpegs = await samples();
  for (const size of sizes.split(",").map(Number)) await measure(size, makeSet(size, jpegs));
} finally {
  close();
  rmSync(scratch, { recursive: true, force: true });
}

/** The sample's images. */
async function samples() {
  const zip = readFileSync(join(import.meta.dirname, "../../public/data/eurosat-mini.zip"));
  const reader = new ZipReader(new BlobReader(new Blob([zip])));
  const entries = (await reader.getEntries()).filter(({ filename }) => filename.endsWith(".jpg"));
  return Promise.all(entries.map((entry) => entry.getData(new Uint8ArrayWriter())));
}

/** A tar of `size` files; a comment in each makes it another file, which no digest knows. */
function makeSet(size, jpegs) {
  const path = join(scratch, `${size}.tar`);
  const tar = openSync(path, "w");
  for (let i = 0; i < size; i++) {
    const jpeg = jpegs[i % jpegs.length];
    const comment = Buffer.from(`\xff\xfe\0\x0a${String(i).padStart(8, "0")}`, "latin1");
    const part = i < VALIDATION * CLASSES ? "val" : "train";
    const length = jpeg.length + comment.length;
    const padding = Buffer.alloc((512 - (length % 512)) % 512);
    const head = header(`${part}/class ${i % CLASSES}/${i}.jpg`, length);
    writeSync(tar, Buffer.concat([head, jpeg.subarray(0, 2), comment, jpeg.subarray(2), padding]));
  }
  writeSync(tar, Buffer.alloc(1024));
  closeSync(tar);
  return path;
}

/** POSIX ustar: octal texts at fixed places, and the sum of all bytes with the sum's own place as spaces. */
function header(name, length) {
  const head = Buffer.alloc(512);
  head.write(name, 0, 100, "latin1");
  head.write("0000644\0", 100);
  head.write(`${length.toString(8).padStart(11, "0")}\0`, 124);
  head.write("00000000000\0", 136);
  head.write("        0", 148);
  head.write("ustar\x0000", 257);
  const total = head.reduce((all, byte) => all + byte, 0);
  head.write(`${total.toString(8).padStart(6, "0")}\0 `, 148);
  return head;
}

async function measure(size, tar) {
  const profile = join(scratch, `profile-${size}`);
  const executablePath = process.env.CHROME;
  const context = await chromium.launchPersistentContext(profile, { args: flags, ...(executablePath && { executablePath }) });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(60 * MINUTE);
    page.on("pageerror", (error) => console.log(`uncaught: ${error.stack ?? error.message}`));
    await page.goto(`${url}#test=0&validation=0.05&steps=${steps}&batch=${batch}${more && `&${more}`}`);
    const heaps = await watchHeaps(page);
    await page.evaluate(() => {
      globalThis.longest = 0;
      const seen = (list) => {
        for (const { duration } of list.getEntries()) globalThis.longest = Math.max(globalThis.longest, duration);
      };
      new PerformanceObserver(seen).observe({ type: "longtask" });
    });
    const images = page.getByRole("region", { name: "Images", exact: true });
    const summary = images.getByText(/\d images in \d+ class/);
    const count = new Intl.NumberFormat("en").format(size);

    const start = performance.now();
    await drop(page, images, [tar]);
    await summary.waitFor();
    const seconds = (performance.now() - start) / 1000;
    const told = (await summary.innerText()).replace(/\s+/g, " ");
    const longest = await page.evaluate(() => globalThis.longest);
    const imported = heaps.most();
    console.log(
      `${count} images, a tar of ${(statSync(tar).size / MIB).toFixed(0)} MiB, ${availableParallelism()} cores: imported in ` +
        `${seconds.toFixed(1)} s, ${Math.round(size / seconds)} a second; longest task ${longest.toFixed(0)} ms; heap of the page ` +
        `${imported.page} MiB, of all workers ${imported.workers} MiB (${told})`,
    );

    await page.waitForTimeout(1000); // the tables are written
    const again = performance.now();
    await page.reload();
    await summary.waitFor();
    console.log(`  shown again ${((performance.now() - again) / 1000).toFixed(1)} s after a reload`);
    if (Number(steps) > 0) await train(page, heaps);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

async function train(page, heaps) {
  const button = (name) => page.getByRole("button", { name, exact: true });
  await button("Train").click();
  await page.waitForFunction(() => /\bDone\b/.test(document.querySelector(".position-text")?.textContent ?? ""), undefined, {
    polling: 250,
  });
  const trained = heaps.most();
  const race = await page.getByRole("region", { name: "Race", exact: true }).innerText();
  const [rate, time] = [/[\d.,]+ images\/s/.exec(race)?.[0], /[\d.,]+\s*\w+\/step/.exec(race)?.[0]];
  console.log(
    `  trained from disk: ${time}, ${rate} over all lanes, batch ${batch}, ${steps} steps on ${await gpuName(page)}; heap of the page ` +
      `${trained.page} MiB, of all workers ${trained.workers} MiB`,
  );
}

function gpuName(page) {
  return page.evaluate(async () => {
    const { info } = (await navigator.gpu.requestAdapter()) ?? {};
    return info?.description || `${info?.vendor} ${info?.architecture}`;
  });
}

/** Asks for the heaps several times a second. Workers are asked through the page, as they come and go. */
async function watchHeaps(page) {
  const session = await page.context().newCDPSession(page);
  const most = { page: 0, workers: 0 };
  const used = new Map();
  session.on("Target.attachedToTarget", ({ sessionId }) => used.set(sessionId, 0));
  session.on("Target.detachedFromTarget", ({ sessionId }) => used.delete(sessionId));
  session.on("Target.receivedMessageFromTarget", ({ sessionId, message }) => {
    const { result } = JSON.parse(message);
    if (result?.usedSize !== undefined && used.has(sessionId)) used.set(sessionId, sizeOf(result));
    most.workers = Math.max(most.workers, sum(used.values()));
  });
  await session.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
  let asked = 0;
  const ask = async () => {
    const message = JSON.stringify({ id: ++asked, method: "Runtime.getHeapUsage" });
    for (const sessionId of used.keys()) await session.send("Target.sendMessageToTarget", { sessionId, message }).catch(() => undefined);
    const own = await session.send("Runtime.getHeapUsage").catch(() => undefined);
    if (own) most.page = Math.max(most.page, sizeOf(own));
  };
  const timer = setInterval(() => void ask(), 250);
  page.on("close", () => clearInterval(timer));
  return {
    /** The most since it was asked last, in MiB. */
    most() {
      const told = { page: Math.round(most.page / MIB), workers: Math.round(most.workers / MIB) };
      most.page = 0;
      most.workers = 0;
      return told;
    },
  };
}

/** Objects, and the bytes behind typed arrays. */
function sizeOf({ usedSize, backingStorageSize = 0 }) {
  return usedSize + backingStorageSize;
}

function sum(values) {
  return [...values].reduce((total, value) => total + value, 0);
}

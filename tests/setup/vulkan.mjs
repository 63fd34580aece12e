/** A graphics driver for Dawn in Node. Linux without a GPU needs a software one; macOS and Windows bring theirs. */
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { addBackports, aptInstall, candidate, mayInstall, update } from "./apt.mjs";
import { browser } from "./browser.mjs";
import { output } from "./tools.mjs";

const PROBE = fileURLToPath(new URL("./adapter.mjs", import.meta.url));
/** Mesa's lavapipe gives Dawn an adapter from this version on. */
const MESA = 25;

/** The adapter that Dawn finds under these variables, in a process of its own: a broken driver takes its process with it. */
async function adapter(env) {
  const text = await output(process.execPath, [PROBE], { env: { ...process.env, ...env } });
  return text ? JSON.parse(text) : undefined;
}

/** The environment variables under which Dawn finds an adapter. Throws when there is no way to one. */
export async function vulkan() {
  const present = await adapter({});
  const given = process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES;
  if (present && (given || process.platform !== "linux" || !present.software)) return {};
  const found = (await firstOf(lavapipes())) ?? (present ? {} : undefined);
  if (found) return found;
  if (process.platform !== "linux") throw new Error("Dawn found no graphics adapter on this computer.");
  if (mayInstall) await installMesa();
  const installed = (await firstOf(lavapipes())) ?? (await firstOf([swiftshader(await browser())]));
  if (installed) return installed;
  throw new Error("Dawn found no Vulkan driver. Install mesa-vulkan-drivers, version 25 or newer, or the Vulkan driver of your GPU.");
}

async function firstOf(candidates) {
  for (const env of candidates) if (env && (await adapter(env))) return env;
  return undefined;
}

/** Every description of Mesa's software driver that is installed. */
function lavapipes() {
  return ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((file) => file.startsWith("lvp_icd"))
        .map((file) => ({ VK_DRIVER_FILES: join(folder, file) })),
    );
}

/** Chromium has a software driver, and a Vulkan loader for a system without one, beside its program. */
function swiftshader(chrome) {
  const folders = [dirname(realpathSync(chrome)), "/usr/lib/chromium", "/opt/google/chrome"];
  const folder = folders.find((place) => existsSync(join(place, "vk_swiftshader_icd.json")));
  if (!folder) return undefined;
  const libraries = [process.env.LD_LIBRARY_PATH, folder].filter(Boolean).join(":");
  return { VK_DRIVER_FILES: join(folder, "vk_swiftshader_icd.json"), LD_LIBRARY_PATH: libraries };
}

async function installMesa() {
  await update();
  const isNew = async () => Number.parseInt(await candidate("mesa-vulkan-drivers"), 10) >= MESA;
  const suite = (await isNew()) ? "" : await addBackports();
  if (suite || (await isNew())) await aptInstall(["mesa-vulkan-drivers", "libvulkan1"], suite);
}

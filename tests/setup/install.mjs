/** Installs the npm packages when they are missing or not those of package-lock.json. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root, run } from "./tools.mjs";

const read = (path) => {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8"));
  } catch {
    return { packages: {} };
  }
};

/** npm leaves a copy of the lock file of what it really installed; packages for other systems are absent from it. */
export function isInstalled(lock, installed) {
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (path === "") return true;
    const found = installed.packages[path];
    return found ? found.version === wanted.version : wanted.optional === true;
  });
}

export async function install() {
  if (isInstalled(read("package-lock.json"), read("node_modules/.package-lock.json"))) return;
  console.log("Installing the packages of package-lock.json …");
  // No package here needs its install script: Dawn's binding comes ready-made for every system.
  // `--no-save` leaves package-lock.json as it is.
  const args = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  const npm = process.env.npm_execpath; // set by `npm start` and `npm test`; spares us npm.cmd on Windows
  const code = npm ? await run(process.execPath, [npm, ...args]) : await run("npm", args, { shell: process.platform === "win32" });
  if (code === 0) return;
  console.error("`npm install` failed: see above. It needs the network once.");
  process.exit(code);
}

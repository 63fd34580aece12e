/** System packages, on Debian and its descendants, when we may install them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { output, run } from "./tools.mjs";

/** Installing asks for root; elsewhere the caller has another way. */
export const mayInstall = process.platform === "linux" && process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");

/** The version that apt would install, or "". `release` narrows it to one suite. */
export async function candidate(name) {
  const policy = await output("apt-cache", ["policy", name], { env: { ...process.env, LC_ALL: "C" } });
  const version = /Candidate: (\S+)/.exec(policy)?.[1] ?? "";
  return version === "(none)" ? "" : version;
}

let updated = false;
/** Brings apt's package lists up to date, once per run. */
export async function update({ again = false } = {}) {
  if (!updated || again) await run("apt-get", ["-qq", "update"]);
  updated = true;
}

/** True when apt could install them all. */
export async function aptInstall(names, release) {
  console.log(`Installing ${names.join(", ")} with apt …`);
  const from = release ? ["-t", release] : [];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return (
    (await run("apt-get", ["-qq", "-y", "--no-install-recommends", ...from, "install", ...names], {
      env,
      stdio: ["ignore", "ignore", "inherit"],
    })) === 0
  );
}

/** Adds Debian's backports for this release when they are not there yet. Returns the suite's name, or "" where there is none. */
export async function addBackports() {
  const system = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  const codename = /^VERSION_CODENAME=(\w+)/m.exec(system)?.[1];
  if (!/^ID=debian/m.test(system) || !codename) return "";
  const suite = `${codename}-backports`;
  if ((await output("apt-cache", ["policy"])).includes(`${suite}/main`)) return suite;
  const archives = await output("apt-get", ["indextargets", "--format", "$(REPO_URI)", `Codename: ${codename}`]);
  const mirror = archives.split("\n").find((uri) => uri.includes("/debian")) || "http://deb.debian.org/debian";
  writeFileSync("/etc/apt/sources.list.d/fullrank-backports.list", `deb ${mirror} ${suite} main\n`);
  await update({ again: true });
  return suite;
}

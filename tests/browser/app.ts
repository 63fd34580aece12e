/** The app as a visitor gets it: built, and served as plain files. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "./harness.mjs";
import { placeToy } from "./toymodel.ts";

export interface App {
  readonly url: string;
  /** The folder of the built files. */
  readonly built: string;
  /** A folder for what a test writes; it goes with the app. */
  readonly scratch: string;
  close(): void;
}

/** `toy`: with a model that trains at once, see `toymodel.ts`. */
export async function startApp({ toy = false } = {}): Promise<App> {
  const scratch = mkdtempSync(join(tmpdir(), "fullrank-"));
  const built = join(scratch, "dist");
  const vite = join(import.meta.dirname, "../../node_modules/vite/bin/vite.js");
  // A process of its own: Vitest runs as "test", and a build of that kind would carry React's development half.
  execFileSync(process.execPath, [vite, "build", "--outDir", built, "--logLevel", "error"], {
    cwd: join(import.meta.dirname, "../.."),
    env: { ...process.env, NODE_ENV: "production" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (toy) placeToy(built);
  const { url, close } = await serve(built);
  return {
    url,
    built,
    scratch,
    close() {
      close();
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

import type { Browser, Locator, Page } from "playwright-core";

/** Serves a folder on a free port of this computer. */
export function serve(folder: string): Promise<{ readonly url: string; close(): void }>;
/** Starts a browser, with WebGPU or with all graphics off. `more`: further flags. */
export function launch(options?: {
  readonly webgpu?: boolean;
  readonly executable?: string;
  readonly more?: readonly string[];
}): Promise<Browser>;
/** Opens a page; `problems` collects console errors, uncaught exceptions, crashes and failed requests. */
export function open(browser: Browser, url: string): Promise<{ readonly page: Page; readonly problems: string[] }>;
/** Drags files from outside the browser on the middle of an element and lets go. */
export function drop(page: Page, target: Locator, paths: readonly string[]): Promise<void>;
/** What WebGPU gives a page in this browser, or undefined. */
export function adapterOf(executable: string | undefined): Promise<{ readonly name: string; readonly software: boolean } | undefined>;

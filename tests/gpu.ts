/**
 * The graphics adapter of the tests, opened once for a process. There is no run without one: a suite that skipped its
 * kernels would be green and say nothing.
 */
import { create, globals } from "webgpu";
import { openGpu } from "../src/gpu/device.ts";

// Dawn dies with its instance, and nothing else refers to it: a global is what neither the collector nor a bundler removes.
const instance = create([]);
Object.assign(globalThis, globals, { dawn: instance });
export const gpu = await openGpu(instance).catch((cause: unknown) => {
  throw new Error("No graphics adapter, so nothing can be tested. `npm test` installs one: start the tests with it.", { cause });
});

/**
 * The graphics adapter of the tests, opened once for a process. There is no run without one: a suite that skipped its
 * kernels would be green and say nothing. `instance` must stay alive as long as `gpu`: collected, it takes Dawn with it.
 */
import { create, globals } from "webgpu";
import { openGpu } from "../src/gpu/device.ts";

Object.assign(globalThis, globals);
export const instance = create([]);
export const gpu = await openGpu(instance).catch((cause: unknown) => {
  throw new Error("No graphics adapter, so nothing can be tested. `npm test` installs one: start the tests with it.", { cause });
});

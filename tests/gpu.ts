import { create, globals } from "webgpu";
import { openGpu } from "../src/gpu/device.ts";
Object.assign(globalThis, globals);
export const instance = create([]);
export const gpu = await openGpu(instance);

/** Opens a WebGPU device with what the adapter really offers, and notices when it is lost or errs. */

/** Limits that kernels and buffers meet; the adapter's own maxima are requested. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
] as const;
const FEATURES = ["shader-f16", "subgroups", "timestamp-query"] as const;

export interface Gpu {
  readonly device: GPUDevice;
  /** A name to show, such as "NVIDIA H200" or "llvmpipe (LLVM 15)". */
  readonly name: string;
  /** Which adapter it is, as far as the browser tells: what is fastest on one may not be on another. */
  readonly id: string;
  /** The fastest variants of kernels that are known, by choice (src/tensor/variant.ts). */
  readonly tuned: Map<string, string>;
  /** Those of `tuned` that were guessed, as there was no time to measure them: so they stay until the page is closed, for runs to repeat. */
  readonly guessed: Set<string>;
  /** Runs on the CPU: barriers and shared memory cost more there than they save. */
  readonly software: boolean;
  readonly features: ReadonlySet<string>;
  /** Rejects with the first fault: a lost device or an uncaptured error. Training races it, so that it stops. */
  readonly fault: Promise<never>;
  /** Frees the device and all it holds; `fault` stays silent. */
  close(): void;
}

/** The reasons for which a machine cannot run WebGPU, in the words of `openGpu`'s error. */
export class NoGpuError extends Error {
  override readonly name = "NoGpuError";
}

/** Opens the most powerful adapter. Throws `NoGpuError` when there is none. */
export async function openGpu(gpu: GPU | undefined): Promise<Gpu> {
  if (!gpu) throw new NoGpuError("This browser has no WebGPU.");
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new NoGpuError("WebGPU is here, but it found no graphics adapter that it may use.");
  const features = FEATURES.filter((feature) => adapter.features.has(feature));
  const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  const device = await adapter.requestDevice({ requiredFeatures: [...features], requiredLimits });
  const { vendor, architecture, device: model, description } = adapter.info;
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "unnamed adapter";
  let closed = false;
  const fault = new Promise<never>((_, reject) => {
    device.addEventListener("uncapturederror", ({ error }) => reject(new Error(`WebGPU error: ${error.message}`)));
    void device.lost.then(({ reason, message }) => {
      if (!closed) reject(new Error(`The graphics device was lost (${reason || "unknown reason"}): ${message}`));
    });
  });
  fault.catch(() => undefined); // whoever races it sees the rejection; nobody racing is no crash
  return {
    device,
    name,
    id: [vendor, architecture, model, description].join("/"),
    tuned: new Map(),
    guessed: new Set(),
    software:
      adapter.info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render|warp/i.test(`${name} ${architecture} ${vendor}`),
    features: new Set(features),
    fault,
    close() {
      closed = true;
      device.destroy();
    },
  };
}

/** Runs `work` and throws when the device reports a validation or out-of-memory error in it. */
export async function checked<T>({ device }: Gpu, what: string, work: () => Promise<T>): Promise<T> {
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory"); // an over-limit buffer is a validation error, a full device is not: both are needed
  const [outcome] = await Promise.allSettled([work()]);
  const memory = await device.popErrorScope();
  const validation = await device.popErrorScope();
  if (memory) throw new Error(`${what}: the GPU has not enough memory. Use a smaller batch or fewer lanes. (${memory.message})`);
  if (validation) throw new Error(`${what}: ${validation.message}`);
  if (outcome.status === "rejected") throw outcome.reason;
  return outcome.value;
}

/** What went wrong, for people: what happened, what is kept, what to do. */
export interface Fault {
  readonly kind: "no-gpu" | "lost" | "gpu-error" | "memory" | "nan" | "input" | "internal";
  readonly what: string;
  readonly kept: string;
  readonly todo: string;
}

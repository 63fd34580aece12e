/** Whether this browser can train at all, asked once when the page opens. */
import { create } from "zustand";

export type Support =
  | { readonly state: "checking" }
  | {
      readonly state: "ready";
      readonly gpu: string;
      /** Runs on the CPU, slowly. */
      readonly software: boolean;
      /** Bytes of the largest tensor that it takes. */
      readonly largest: number;
    }
  /** "insecure": WebGPU exists only on https and localhost. */
  | { readonly state: "missing"; readonly why: "insecure" | "no-webgpu" | "no-adapter" };

export const useSupport = create<Support>()(() => ({ state: "checking" }));

export async function checkSupport(): Promise<void> {
  useSupport.setState(await findSupport(), true);
}

async function findSupport(): Promise<Support> {
  if (!window.isSecureContext) return { state: "missing", why: "insecure" };
  // The types promise it, browsers do not.
  const gpu = navigator.gpu as GPU | undefined;
  if (!gpu) return { state: "missing", why: "no-webgpu" };
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" }).catch(() => null);
  if (!adapter) return { state: "missing", why: "no-adapter" };
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const name = description || [vendor, architecture].filter(Boolean).join(" ") || "GPU";
  const largest = Math.min(adapter.limits.maxStorageBufferBindingSize, adapter.limits.maxBufferSize);
  return {
    state: "ready",
    gpu: name,
    largest,
    software: isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render|warp/i.test(name),
  };
}

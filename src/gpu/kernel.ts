/** Kernels: entry points of `.wgsl` files, compiled once and bound by buffer name. */
import type { Gpu } from "./device.ts";
import { packParams, type Shader, setKnobs, shader } from "./shader.ts";

/** Which program to run. Two launches with equal ones share a pipeline. */
export interface Program {
  readonly shader: string;
  readonly entry: string;
  readonly overrides?: Readonly<Record<string, number>>;
  readonly knobs?: Readonly<Record<string, number>>;
}

export interface Slice {
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
}

/** The compiled programs of one device. */
export class Kernels {
  readonly #gpu: Gpu;
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** How many programs have been asked for; the page shows it while they compile. */
  get count(): number {
    return this.#pipelines.size;
  }

  /** Compiles at most once per program. Rejects with the compiler's message. */
  pipeline(program: Program): Promise<GPUComputePipeline> {
    const key = `${program.shader} ${program.entry} ${JSON.stringify(program.overrides ?? {})} ${JSON.stringify(program.knobs ?? {})}`;
    let pipeline = this.#pipelines.get(key);
    if (!pipeline) {
      pipeline = this.#compile(program, key);
      this.#pipelines.set(key, pipeline);
    }
    return pipeline;
  }

  async #compile({ shader: name, entry, overrides = {}, knobs = {} }: Program, key: string): Promise<GPUComputePipeline> {
    const source = shader(name);
    if (!source.entryPoints.has(entry)) throw new Error(`${name}.wgsl has no entry point "${entry}"`);
    const { device } = this.#gpu;
    const code = setKnobs(source, knobs);
    const module = this.#modules.get(code) ?? device.createShaderModule({ label: name, code });
    this.#modules.set(code, module);
    try {
      return await device.createComputePipelineAsync({
        label: key,
        layout: "auto",
        compute: { module, entryPoint: entry, constants: { ...overrides } },
      });
    } catch (cause) {
      const { messages } = await module.getCompilationInfo();
      const lines = messages.map((m) => `${name}.wgsl:${m.lineNum}:${m.linePos} ${m.message}`).join("\n");
      throw new Error(`${name}.wgsl, ${entry}, does not compile:\n${lines || String(cause)}`, { cause });
    }
  }

  /** A bind group from names. `params` is the slice that holds the packed `Params`. Throws on an unknown name. */
  bind(pipeline: GPUComputePipeline, program: Program, buffers: Readonly<Record<string, Slice>>, params: Slice | undefined): GPUBindGroup {
    const source = shader(program.shader);
    const entries: GPUBindGroupEntry[] = Object.entries(buffers).map(([name, slice]) => {
      const binding = source.bindings.get(name);
      if (!binding) throw new Error(`${source.name}.wgsl has no buffer "${name}"`);
      return { binding: binding.index, resource: slice };
    });
    if (params) entries.push({ binding: 0, resource: params });
    return this.#gpu.device.createBindGroup({
      label: `${program.shader} ${program.entry}`,
      layout: pipeline.getBindGroupLayout(0),
      entries,
    });
  }
}

/** The `Params` of many launches in one uniform buffer; each at a multiple of 256 bytes. */
export function packAll(
  gpu: Gpu,
  launches: readonly { readonly source: Shader; readonly params: Readonly<Record<string, number>> }[],
): Slice[] {
  const packed = launches.map(({ source, params }) => packParams(source, params));
  const stride = 256;
  const buffer = gpu.device.createBuffer({
    label: "params",
    size: Math.max(stride, stride * packed.length),
    usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
  });
  const all = new Uint8Array(buffer.size);
  packed.forEach((bytes, i) => {
    all.set(new Uint8Array(bytes), i * stride);
  });
  gpu.device.queue.writeBuffer(buffer, 0, all);
  return packed.map((bytes, i) => ({ buffer, offset: i * stride, size: bytes.byteLength }));
}

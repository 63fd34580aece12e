/** What training would see of some images: the kernel of a training step, on a device that is opened when somebody looks. */
import { type Gpu, openGpu } from "../gpu/device.ts";
import { Kernels } from "../gpu/kernel.ts";
import { upload } from "../gpu/memory.ts";
import { runOnce } from "../tensor/once.ts";
import { Tape } from "../tensor/tape.ts";
import { tensor } from "../tensor/tensor.ts";
import type { Augment } from "./augment.ts";
import { Views } from "./views.ts";

/** Some images at a step of a run. */
export interface Look {
  readonly augment: Augment;
  readonly seed: number;
  readonly step: number;
  readonly size: number;
  /** (size, size, 3) RGB each. */
  readonly images: readonly Uint8Array[];
}

/** The images as the step gives them to the model, but for its mean and deviation: (size, size, 3) RGB each, rounded. */
export async function look(gpu: Gpu, kernels: Kernels, { augment, seed, step, size, images }: Look): Promise<Uint8Array<ArrayBuffer>[]> {
  const area = size * size;
  // Images follow each other without padding, and their bytes fill whole words: four sets of them do, whatever the size.
  const count = 4 * Math.ceil(images.length / 4);
  const bytes = new Uint8Array(3 * area * count);
  images.forEach((image, i) => {
    bytes.set(image, 3 * area * i);
  });
  const buffer = upload(gpu, bytes, "looked at");
  const views = new Views(gpu, augment, count, size);
  views.draw(seed, step);
  const tape = new Tape(gpu.software);
  const y = views.apply(tape, tensor([bytes.length / 4], { type: "u32", buffer }), { size, mean: [0, 0, 0], std: [1, 1, 1] });
  const [values = new Float32Array()] = await runOnce(gpu, kernels, tape, [y]);
  buffer.destroy();
  views.destroy();
  return images.map((_, i) =>
    Uint8Array.from({ length: 3 * area }, (_, k) => Math.round(255 * (values[area * (3 * i + (k % 3)) + Math.floor(k / 3)] as number))),
  );
}

/** How long a device that nobody looks through is kept. */
const IDLE_MS = 30_000;

/** Opens a device for the first look, and frees it when there were none for a while. */
export class Looker {
  #opened: Promise<{ readonly gpu: Gpu; readonly kernels: Kernels }> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  async look(what: Look): Promise<Uint8Array<ArrayBuffer>[]> {
    clearTimeout(this.#timer);
    this.#opened ??= openGpu(navigator.gpu).then((gpu) => ({ gpu, kernels: new Kernels(gpu) }));
    try {
      const { gpu, kernels } = await this.#opened;
      return await Promise.race([look(gpu, kernels, what), gpu.fault]);
    } catch (error) {
      await this.#close();
      throw error;
    } finally {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => void this.#close(), IDLE_MS);
    }
  }

  async #close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    const found = await opened?.catch(() => undefined);
    found?.gpu.close();
  }
}

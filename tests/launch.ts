/** Launches that run at once on the tests' adapter, with every buffer under suspicion; see src/lab/guarded.ts. */
import { Kernels } from "../src/gpu/kernel.ts";
import { Guarded, Immediate as Recording } from "../src/lab/guarded.ts";
import type { ElementType, Tensor } from "../src/tensor/tensor.ts";
import { gpu } from "./gpu.ts";

export { noise, unpacked } from "../src/lab/guarded.ts";

const here = new Guarded(gpu, new Kernels(gpu));

/** A tensor with data and a guarded end; of packed ones the data are the words. */
export const given = (shape: readonly number[], data: ArrayLike<number>, type?: ElementType): Tensor => here.given(shape, data, type);

/** Outputs start as NaN, so that an element left unwritten is seen. */
export class Immediate extends Recording {
  constructor(software: boolean, variant?: number) {
    super(here, software, variant);
  }
}

/** The numbers of a tensor; throws when its guard was touched. */
export async function read(x: Tensor): Promise<Float32Array> {
  const [numbers] = await here.read([x]);
  return numbers as Float32Array;
}

/** Throws unless |got - want| ≤ tolerance · (1 + |want|) everywhere. */
export function close(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number, what: string): void {
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i] as number, want[i] as number];
    if (!(Math.abs(g - w) <= tolerance * (1 + Math.abs(w)))) throw new Error(`${what}[${i}] is ${g}, should be ${w}`);
  }
}

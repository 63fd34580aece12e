/** A tensor: a shape, an element type and where its numbers lie. */

export type ElementType = "f32" | "u32";

export interface Tensor {
  readonly shape: readonly number[];
  readonly type: ElementType;
  /** Says what it is in errors and memory tables. */
  readonly label: string;
  /** True for trainables and, once recorded, for everything computed from one: the backward pass visits only these. */
  needsGrad: boolean;
  /** Undefined until a Plan gives it a place in the arena. */
  buffer: GPUBuffer | undefined;
  /** Bytes from the start of `buffer`; a multiple of 256. */
  offset: number;
}

export const numel = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Size in bytes; at least 16, because WebGPU cannot bind an empty buffer. */
export const byteLength = ({ shape }: Pick<Tensor, "shape">): number => Math.max(16, 4 * numel(shape));

/** A tensor without storage: a Plan or the caller gives it one. */
export function tensor(
  shape: readonly number[],
  options: Partial<Pick<Tensor, "type" | "label" | "needsGrad" | "buffer" | "offset">> = {},
): Tensor {
  return { shape, type: "f32", label: "", needsGrad: false, buffer: undefined, offset: 0, ...options };
}

/** The same numbers under another shape. Throws when the count differs. */
export function reshape(x: Tensor, shape: readonly number[]): View {
  if (numel(shape) !== numel(x.shape)) throw new Error(`reshape: (${x.shape}) has ${numel(x.shape)} elements, (${shape}) ${numel(shape)}`);
  return new View(x, shape);
}

/** A reshaped tensor: it shares the storage and the gradient's numbers of its source. */
export class View implements Tensor {
  readonly source: Tensor;
  readonly shape: readonly number[];
  constructor(source: Tensor, shape: readonly number[]) {
    this.source = source instanceof View ? source.source : source;
    this.shape = shape;
  }
  get type(): ElementType {
    return this.source.type;
  }
  get label(): string {
    return this.source.label;
  }
  get needsGrad(): boolean {
    return this.source.needsGrad;
  }
  get buffer(): GPUBuffer | undefined {
    return this.source.buffer;
  }
  get offset(): number {
    return this.source.offset;
  }
}

/** The tensor that owns the storage of `x`. */
export const owner = (x: Tensor): Tensor => (x instanceof View ? x.source : x);

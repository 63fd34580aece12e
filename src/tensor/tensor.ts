/** A tensor: a shape, an element type and where its numbers lie. */

/** Two bytes a number, two numbers a word: how frozen weights may be stored. Only kernels with `//! use half` read them. */
export type PackedType = "f16" | "bf16";
export type ElementType = "f32" | "u32" | PackedType;
const BYTES: Readonly<Record<ElementType, number>> = { f32: 4, u32: 4, f16: 2, bf16: 2 };

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
  /** The tensor that it is a part of, and at which byte of it; see stack.ts. */
  home?: { readonly of: Tensor; readonly at: number };
}

export const numel = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Size in bytes: whole words, and at least 16, because WebGPU cannot bind an empty buffer. */
export const byteLength = ({ shape, type = "f32" }: Pick<Tensor, "shape"> & Partial<Pick<Tensor, "type">>): number =>
  Math.max(16, 4 * Math.ceil((BYTES[type] * numel(shape)) / 4));

export const isPacked = ({ type }: Pick<Tensor, "type">): boolean => BYTES[type] < 4;

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
  readonly #constant: boolean;
  constructor(source: Tensor, shape: readonly number[], constant = false) {
    this.source = source instanceof View ? source.source : source;
    this.shape = shape;
    this.#constant = constant || (source instanceof View && source.#constant);
  }
  get type(): ElementType {
    return this.source.type;
  }
  get label(): string {
    return this.source.label;
  }
  get needsGrad(): boolean {
    return !this.#constant && this.source.needsGrad;
  }
  get buffer(): GPUBuffer | undefined {
    return this.source.buffer;
  }
  get offset(): number {
    return this.source.offset;
  }
}

/** The same numbers as a constant: no gradient flows back through what is made of it. */
export const detach = (x: Tensor): View => new View(x, x.shape, true);

/** The tensor that `x` is a view of, to which its gradient belongs. */
export const owner = (x: Tensor): Tensor => (x instanceof View ? x.source : x);

/** The tensor that owns the storage of `x`: a part lies in its whole. */
export function storageOf(x: Tensor): Tensor {
  const { home } = owner(x);
  return home ? storageOf(home.of) : owner(x);
}

/** Where `x` lies, in bytes from the start of its storage's buffer. */
export function placeOf(x: Tensor): { readonly buffer: GPUBuffer | undefined; readonly offset: number } {
  const { home, buffer, offset } = owner(x);
  if (!home) return { buffer, offset };
  const whole = placeOf(home.of);
  return { buffer: whole.buffer, offset: whole.offset + home.at };
}

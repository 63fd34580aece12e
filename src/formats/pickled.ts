/** What a pickle may hold, and the few things it may ask to be made. Pure. Source: NumPy's ndarray.__reduce__ and __reduce_ex__. */

import { UnsupportedError } from "./error.ts";

/** A place in the file: `length` bytes from `at` on. */
export interface Span {
  readonly at: number;
  readonly length: number;
}
/** Bytes too long to be read along with the rest stay where they are. */
export interface Left {
  readonly left: Span;
}
/** What may be named in a pickle. */
export interface Name {
  readonly name: string;
}
/** An array of NumPy: its type as "u1", its shape, and its bytes. */
export interface PickleArray {
  dtype: string;
  shape: readonly number[];
  fortran: boolean;
  data: Uint8Array | Left;
}
interface Dtype {
  readonly dtype: string;
}
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Left
  | Name
  | PickleArray
  | Dtype
  | PickleValue[]
  | Map<PickleValue, PickleValue>;

/** What calling a named thing gives. @throws UnsupportedError */
export function made(called: PickleValue, args: readonly PickleValue[]): PickleValue {
  const name = typeof called === "object" && called !== null && "name" in called ? called.name : "";
  if (name === "_reconstruct") return { dtype: "", shape: [], fortran: false, data: new Uint8Array() };
  if (name === "dtype") return { dtype: String(args[0]) };
  // Protocol 2 of Python 3 writes bytes as text in Latin-1.
  const [coded, dtype, shape] = args;
  if (name === "encode" && typeof coded === "string") return Uint8Array.from(coded, (char) => char.charCodeAt(0));
  if (name === "_frombuffer") return arrayOf(dtype, shape, args[3] === "F", coded);
  throw new UnsupportedError("this pickle", "it holds more than plain data and arrays");
}

/** Gives what was made its content. @throws UnsupportedError */
export function fill(target: PickleValue, state: readonly PickleValue[]): void {
  if (typeof target !== "object" || target === null || !("dtype" in target)) {
    throw new UnsupportedError("this pickle", "it holds more than plain data and arrays");
  }
  if (!("data" in target)) return; // the byte order of a type: single bytes have none
  const [, shape, type, fortran, data] = state;
  Object.assign(target, arrayOf(type, shape, Boolean(fortran), data));
}

function arrayOf(
  type: PickleValue | undefined,
  shape: PickleValue | undefined,
  fortran: boolean,
  data: PickleValue | undefined,
): PickleArray {
  const dtype = typeof type === "object" && type !== null && "dtype" in type ? type.dtype : "";
  const content = typeof data === "string" ? Uint8Array.from(data, (char) => char.charCodeAt(0)) : data;
  if (content instanceof Uint8Array || (typeof content === "object" && content !== null && "left" in content)) {
    return { dtype, shape: Array.isArray(shape) ? shape.map(Number) : [], fortran, data: content };
  }
  throw new UnsupportedError("this pickle", "an array in it holds objects");
}

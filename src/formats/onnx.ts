/**
 * ONNX models, written: a graph of nodes over named values, as protobuf.
 * Format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto, whose field numbers are those below.
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FormatError, UnsupportedError } from "./error.ts";

/** The first opset that has LayerNormalization, and the file version that came with it. */
const OPSET = 17;
const IR_VERSION = 8;
/** No protobuf reader takes a message beyond this. */
const LIMIT = 2 ** 31 - 1;

/** A whole number, several of them, or a real one. */
type Attribute = number | readonly number[] | { readonly real: number };
/** A length, or the name of one that is known when the model is run. */
type Dimension = number | string;

/** TensorProto.DataType and AttributeProto.AttributeType. */
const FLOAT = 1;
const INT64 = 7;
const BYTES = { [FLOAT]: 4, [INT64]: 8 } as const;
const KIND = { FLOAT: 1, INT: 2, INTS: 7 } as const;

/** A part of a message, asked for its bytes when the file is put together: only one weight at a time is in memory twice. */
interface Piece {
  readonly length: number;
  bytes(): Uint8Array;
}
const piece = (w: BinaryWriter): Piece => {
  const bytes = w.finish();
  return { length: bytes.length, bytes: () => bytes };
};
const sizeOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { length }) => sum + length, 0);
const field = (no: number, pieces: readonly Piece[]): Piece[] => [
  piece(new BinaryWriter().tag(no, WireType.LengthDelimited).uint32(sizeOf(pieces))),
  ...pieces,
];

const text = (w: BinaryWriter, no: number, value: string) => w.tag(no, WireType.LengthDelimited).string(value);
const whole = (w: BinaryWriter, no: number, value: number) => w.tag(no, WireType.Varint).int64(value);
function message(w: BinaryWriter, no: number, write: () => void): void {
  w.tag(no, WireType.LengthDelimited).fork();
  write();
  w.join();
}

/** A graph under construction: every value has a name of its own, and a node comes after those it reads. */
export class OnnxGraph {
  readonly #names = new Set<string>();
  readonly #constants = new Map<string, string>();
  /** Node, input and output messages, in any order: protobuf collects what is repeated. */
  readonly #writer = new BinaryWriter();
  readonly #initializers: Piece[] = [];
  #nodes = 0;

  /** A float input. */
  input(name: string, shape: readonly Dimension[]): string {
    this.#claim(name);
    this.#declare(11, name, shape);
    return name;
  }

  /** Makes the float `value` a result of the model, under a name of its own. */
  output(name: string, value: string, shape: readonly Dimension[]): void {
    this.#write("Identity", [value], this.#claim(name), {});
    this.#declare(12, name, shape);
  }

  /** Adds a node with one result, and gives the result's name. */
  node(type: string, inputs: readonly string[], attributes: Readonly<Record<string, Attribute>> = {}): string {
    const result = this.#claim(`${type}_${this.#nodes}`);
    this.#write(type, inputs, result, attributes);
    return result;
  }

  /** A float weight under its own name; `values` is called by `encode`. */
  weight(name: string, shape: readonly number[], values: () => Float32Array): string {
    this.#initialize(this.#claim(name), shape, FLOAT, values);
    return name;
  }

  /** A float constant of a node: one number, unless it has a shape. */
  floats(values: readonly number[], shape: readonly number[] = []): string {
    return this.#constant("float", values, shape, FLOAT, () => Float32Array.from(values));
  }

  /** An int64 constant (n) of a node. */
  integers(values: readonly number[]): string {
    return this.#constant("int64", values, [values.length], INT64, () => BigInt64Array.from(values, BigInt));
  }

  /**
   * The bytes of a ModelProto, which holds `metadata` too. The graph is used up.
   * Throws UnsupportedError for a model beyond 2 GiB, FormatError for a weight whose numbers do not fit its shape.
   */
  encode(metadata: Readonly<Record<string, string>> = {}): Uint8Array<ArrayBuffer> {
    const head = new BinaryWriter();
    whole(head, 1, IR_VERSION);
    text(head, 2, "fullrank");
    message(head, 8, () => whole(head, 2, OPSET));
    for (const [key, value] of Object.entries(metadata)) message(head, 14, () => text(text(head, 1, key), 2, value));
    text(this.#writer, 2, "fullrank");
    const pieces = [piece(head), ...field(7, [piece(this.#writer), ...this.#initializers])];
    const size = sizeOf(pieces);
    if (size > LIMIT)
      throw new UnsupportedError(`An ONNX file of ${(size / 2 ** 30).toFixed(1)} GiB`, "it ends at 2 GiB; export safetensors instead.");
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const part of pieces) {
      bytes.set(part.bytes(), at);
      at += part.length;
    }
    return bytes;
  }

  #claim(name: string): string {
    if (this.#names.has(name)) throw new Error(`The ONNX graph has two values named "${name}"`);
    this.#names.add(name);
    return name;
  }

  #declare(no: number, name: string, shape: readonly Dimension[]): void {
    const w = this.#writer;
    message(w, no, () => {
      text(w, 1, name);
      message(w, 2, () =>
        message(w, 1, () => {
          whole(w, 1, FLOAT);
          message(w, 2, () => {
            for (const n of shape) message(w, 1, () => (typeof n === "string" ? text(w, 2, n) : whole(w, 1, n)));
          });
        }),
      );
    });
  }

  #write(type: string, inputs: readonly string[], result: string, attributes: Readonly<Record<string, Attribute>>): void {
    const w = this.#writer;
    message(w, 1, () => {
      for (const name of inputs) text(w, 1, name);
      text(w, 2, result);
      text(w, 3, `${type}_${this.#nodes++}`);
      text(w, 4, type);
      for (const [name, value] of Object.entries(attributes)) {
        message(w, 5, () => {
          text(w, 1, name);
          if (typeof value === "number") whole(whole(w, 3, value), 20, KIND.INT);
          else if ("real" in value) whole(w.tag(2, WireType.Bit32).float(value.real), 20, KIND.FLOAT);
          else {
            for (const n of value) whole(w, 8, n);
            whole(w, 20, KIND.INTS);
          }
        });
      }
    });
  }

  /** Blocks repeat their constants: equal ones are kept once. */
  #constant(
    kind: string,
    values: readonly number[],
    shape: readonly number[],
    type: keyof typeof BYTES,
    data: () => Float32Array | BigInt64Array,
  ): string {
    const key = `${kind}[${shape}] ${values}`;
    const known = this.#constants.get(key);
    if (known) return known;
    const name = this.#claim(`${kind}_${this.#constants.size}`);
    this.#constants.set(key, name);
    this.#initialize(name, shape, type, data);
    return name;
  }

  #initialize(name: string, shape: readonly number[], type: keyof typeof BYTES, values: () => Float32Array | BigInt64Array): void {
    const w = new BinaryWriter();
    for (const n of shape) whole(w, 1, n);
    whole(w, 2, type);
    text(w, 8, name);
    const count = shape.reduce((product, n) => product * n, 1);
    const bytes = () => {
      const data = values();
      if (data.length !== count) throw new FormatError("size", `Tensor "${name}" has ${data.length} numbers, its shape is [${shape}].`);
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    };
    // raw_data is little-endian, as every machine with WebGPU is.
    this.#initializers.push(...field(5, [piece(w), ...field(9, [{ length: BYTES[type] * count, bytes }])]));
  }
}

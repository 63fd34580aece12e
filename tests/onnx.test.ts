/** Exported ONNX files, read and run by onnxruntime. */
import { readFileSync } from "node:fs";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { env, InferenceSession, Tensor as Values } from "onnxruntime-web/wasm";
import { describe, expect, test } from "vitest";
import { openCheckpoint } from "../src/formats/checkpoint.ts";
import { FormatError, UnsupportedError } from "../src/formats/error.ts";
import { OnnxGraph } from "../src/formats/onnx.ts";
import { type FloatTensor, readSafetensors, toFloat32 } from "../src/formats/safetensors.ts";
import { Kernels } from "../src/gpu/kernel.ts";
import { readback, storage, upload } from "../src/gpu/memory.ts";
import type { ModelDef } from "../src/models/model.ts";
import { add } from "../src/ops/add.ts";
import { normalize } from "../src/ops/normalize.ts";
import type { Oracle } from "../src/ops/op.ts";
import { patches } from "../src/ops/patches.ts";
import { pool } from "../src/ops/pool.ts";
import type { AnyOp } from "../src/tensor/op.ts";
import { Arena } from "../src/tensor/plan.ts";
import { normal } from "../src/tensor/random.ts";
import { Tape } from "../src/tensor/tape.ts";
import { byteLength, numel, tensor } from "../src/tensor/tensor.ts";
import { buildModel } from "../src/train/catalog.ts";
import { frozenPass } from "../src/train/frozen.ts";
import { classify } from "../src/train/head.ts";
import { type ExportedHead, Trace, traceModel } from "../src/train/trace.ts";
import { OnnxError, verifyOnnx } from "../src/train/verifier.ts";
import { runOnnx } from "../src/train/verify.ts";
import { gpu } from "./gpu.ts";
import { close, noise } from "./launch.ts";
import { modelFiles } from "./model.ts";
import { toysOf, toyValues } from "./toys.ts";

env.wasm.numThreads = 1;

test("a graph made by hand is read and run", async () => {
  const graph = new OnnxGraph();
  const x = graph.input("x", ["batch", 2]);
  const w = graph.weight("layer.weight", [3, 2], () => Float32Array.of(1, 2, 3, 4, 5, 6));
  const y = graph.node("Gemm", [x, w], { transB: 1, alpha: { real: 0.5 } });
  graph.output("y", graph.node("Add", [y, graph.floats([10])]), ["batch", 3]);
  const session = await InferenceSession.create(graph.encode({ classes: "é" }));
  const { y: got } = await session.run({ x: new Values("float32", Float32Array.of(1, 0, 0, 2), [2, 2]) });
  expect(got?.dims).toEqual([2, 3]);
  expect(got?.data).toEqual(Float32Array.of(10.5, 11.5, 12.5, 12, 14, 16));
});

test("a file that onnxruntime cannot read is an error with a name", async () => {
  const refused = verifyOnnx(new Uint8Array(9), new Float32Array(12), 2);
  await expect(refused).rejects.toThrow(OnnxError);
  await expect(refused).rejects.toThrow(/^onnxruntime-web could not run model.onnx \(.+\)\. The file is written/);
});

const oracles = import.meta.glob<{ default: Oracle<string, string, unknown> }>("/src/ops/*.ref.ts", { eager: true });
const translated = Object.values(oracles).filter(({ default: { op } }) => op.onnx);

describe.each(translated.map(({ default: oracle }) => [oracle.op.name, oracle] as const))("%s", (_name, oracle) => {
  test.each(oracle.cases.filter(({ integers }) => !integers).map((c) => [c.name, c] as const))("%s", async (_case, c) => {
    const op: AnyOp = oracle.op;
    const shapes = c.shapes as Record<string, readonly number[]>;
    const given = Object.entries(shapes).map(([name, shape], seed) => [name, shape, noise(numel(shape), seed, c.offset?.[name])] as const);
    const graph = new OnnxGraph();
    for (const [name, shape] of given) graph.input(name, shape);
    const x = Object.fromEntries(given.map(([name, shape]) => [name, tensor(shape, { type: c.packed?.[name] ?? "f32" })]));
    const y = op.onnx?.(graph, Object.fromEntries(given.map(([name]) => [name, name])), c.cfg, shapes);
    graph.output("y", y!, op.forward(new Tape(false), x, c.cfg).y.shape);
    const session = await InferenceSession.create(graph.encode());
    const result = await session.run(Object.fromEntries(given.map(([name, shape, data]) => [name, new Values("float32", data, shape)])));
    const host = Object.fromEntries(given.map(([name, , data]) => [name, Float64Array.from(data)]));
    const want = oracle.reference(host, shapes, c.cfg);
    expect(result.y?.data.length).toBe(want.length);
    // onnxruntime's sigmoid is a fit, good to about 2e-6.
    close(result.y?.data as Float32Array, want, Math.max(c.tolerance ?? 2e-5, 1e-5), "y");
    await session.release();
  });
});

test("an op that has no form in ONNX is refused by name", () => {
  const trace = new Trace();
  const pixels = trace.input("pixel_values", [1, 3, 4, 4]);
  expect(() => trace.apply(normalize, { pixels }, { size: 4, mean: [0, 0, 0], std: [1, 1, 1] })).toThrow(UnsupportedError);
  const x = trace.apply(patches, { pixels }, { patch: 2 });
  expect(() => trace.apply(pool, { x, rows: trace.input("rows", [1]) }, { tokens: 4, kind: "row" })).toThrow('"pool" in ONNX');
  expect(() => trace.apply(add, { a: x, b: tensor([4, 12], { label: "stray" }) }, { factor: 1 })).toThrow('"stray"');
});

test("two values of one name, numbers that do not fit a shape, and a file beyond 2 GiB are refused", () => {
  const graph = new OnnxGraph();
  graph.weight("w", [2, 2], () => new Float32Array(3));
  expect(() => graph.weight("w", [1], () => new Float32Array(1))).toThrow('two values named "w"');
  expect(() => graph.encode()).toThrow(new FormatError("size", 'Tensor "w" has 3 numbers, its shape is [2,2].'));
  const large = new OnnxGraph();
  large.weight("w", [2 ** 29], () => expect.fail("a file that is refused reads no weight"));
  expect(() => large.encode()).toThrow("An ONNX file of 2.0 GiB is not supported");
});

const kernels = new Kernels(gpu);

/** What our kernels make of the same numbers. */
async function ours(
  config: Readonly<Record<string, unknown>>,
  size: number,
  head: ExportedHead,
  pixels: FloatTensor,
): Promise<Float32Array> {
  const on = ({ shape, data }: FloatTensor) => tensor(shape, { buffer: upload(gpu, data, "given") });
  const { model } = buildModel(config, (name, shape, { values } = {}) => on({ shape, data: values?.() ?? toyValues(name, shape) }), size);
  const tape = new Tape(gpu.software);
  const y = classify(
    frozenPass(tape),
    model,
    on(pixels),
    head.kind === "text" ? { kind: "text", classes: on(head.classes) } : { kind: "linear", classes: head.bias.data.length },
    (name) => on(head.kind === "linear" && name === "classifier.weight" ? head.weight : (head as { bias: FloatTensor }).bias),
  );
  y.buffer = storage(gpu, byteLength(y), "logits");
  const [plan] = await new Arena(gpu, kernels).plan([tape]);
  const encoder = gpu.device.createCommandEncoder();
  plan?.encode(encoder);
  gpu.device.queue.submit([encoder.finish()]);
  return new Float32Array(await readback(gpu, y.buffer, 0, 4 * numel(y.shape)));
}

const random = (shape: readonly number[], stream: number): FloatTensor => ({
  shape,
  data: Float32Array.from({ length: numel(shape) }, (_, i) => normal(3, stream, i)),
});

/** The fields of a message, by number. */
function fieldsOf(bytes: Uint8Array): Map<number, (number | Uint8Array)[]> {
  const reader = new BinaryReader(bytes);
  const found = new Map<number, (number | Uint8Array)[]>();
  while (reader.pos < reader.len) {
    const [no, type] = reader.tag();
    const value = type === WireType.LengthDelimited ? reader.bytes() : type === WireType.Varint ? Number(reader.int64()) : reader.float();
    found.set(no, [...(found.get(no) ?? []), value]);
  }
  return found;
}
const inside = (message: Map<number, (number | Uint8Array)[]>, no: number) => (message.get(no) ?? []).map((m) => fieldsOf(m as Uint8Array));
const words = (values: readonly (number | Uint8Array)[] = []) => values.map((v) => new TextDecoder().decode(v as Uint8Array));

const definitions = Object.values(import.meta.glob<ModelDef<unknown> | undefined>("/src/models/*.ts", { import: "default", eager: true }));
const models = definitions.flatMap((def) => def?.types ?? []);
describe.each(models.flatMap(toysOf).map((toy) => [toy.name, toy] as const))("%s", (_name, { config, size: side }) => {
  const { model } = buildModel(config, (_name, shape) => tensor(shape), side);
  const { size, width } = model.image;
  const shared = model.text && 8;
  const heads: ExportedHead[] = [
    { kind: "linear", weight: random([5, width], 1), bias: random([5], 2) },
    ...(shared ? [{ kind: "text", classes: random([3, shared], 4) } as const] : []),
  ];

  test.each(heads.map((head) => [head.kind, head] as const))("with a %s head gives onnxruntime our logits", async (_kind, head) => {
    const file = traceModel({ config, size, weights: toyValues, head });
    for (const batch of [1, 3]) {
      const pixels = random([batch, 3, size, size], 5);
      const want = await ours(config, size, head, pixels);
      const { logits } = await runOnnx(file, pixels.data, size);
      expect(logits.length).toBe(want.length);
      // Cosines whose terms cancel are multiplied by 100.
      close(logits, want, head.kind === "text" ? 5e-5 : 1e-5, "logits");
    }
  });

  test("is written with opset 17, an open batch, and the names of the checkpoint", async () => {
    const asked = new Set<string>();
    const weights = (name: string, shape: readonly number[]) => {
      asked.add(name);
      return toyValues(name, shape);
    };
    const metadata = { classes: JSON.stringify(["red", "grün"]) };
    const file = traceModel({ config, size, weights, head: heads[0]!, metadata });
    const top = fieldsOf(file);
    expect(top.get(1)).toEqual([8]);
    expect(inside(top, 8).map((opset) => opset.get(2))).toEqual([[17]]);
    expect(inside(top, 14).map((entry) => [words(entry.get(1)), words(entry.get(2))])).toEqual([[["classes"], [metadata.classes]]]);
    const [graph] = inside(top, 7);
    const names = inside(graph!, 5).flatMap((initializer) => words(initializer.get(8)));
    expect(new Set(names).size).toBe(names.length);
    // The rest is constants: of nodes, and those that a model derives from its config.
    const own = [...asked, "classifier.bias", "classifier.weight"];
    expect(own.filter((n) => !names.includes(n))).toEqual([]);
    expect(names.filter((n) => !own.includes(n) && !/^(float|int64)_\d+$|\.resampling$/.test(n))).toEqual([]);
    expect([...asked].filter((n) => n.startsWith("text_"))).toEqual([]);
    const session = await InferenceSession.create(file);
    expect([...session.inputMetadata, ...session.outputMetadata]).toMatchObject([
      { name: "pixel_values", type: "float32", shape: ["batch", 3, size, size] },
      { name: "logits", type: "float32", shape: ["batch", 5] },
    ]);
    await session.release();
  });
});

test("CLIP-tiny as ONNX gives transformers' logits to 1e-3", async () => {
  const { tensors } = readSafetensors(readFileSync("tests/fixtures/clip-tiny.reference.safetensors"));
  const entry = (name: string): FloatTensor => ({ shape: tensors.get(name)!.shape, data: toFloat32(tensors.get(name)!) });
  const { config, weights } = modelFiles();
  const checkpoint = openCheckpoint(config, weights);
  const texts = entry("text_embeds");
  const width = texts.shape[1]!;
  for (let row = 0; row < texts.data.length; row += width) {
    const one = texts.data.subarray(row, row + width);
    one.set(one.map((v) => v / Math.hypot(...one)));
  }
  const file = traceModel({ config: checkpoint.config, weights: checkpoint.tensor, head: { kind: "text", classes: texts } });
  const pixels = entry("pixel_values");
  const { logits } = await runOnnx(file, pixels.data, pixels.shape[2]!);
  const want = entry("logits_per_image").data;
  expect(logits.length).toBe(want.length);
  expect(Math.max(...logits.map((v, i) => Math.abs(v - want[i]!)))).toBeLessThan(1e-3);
});

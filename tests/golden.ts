/**
 * Checks training against golden values from PyTorch and PEFT, made by a script that ran the real ones:
 *   npm run golden -- DIR
 * Every `<model>.<method>.golden.safetensors` in DIR is trained for ten steps, as the page would train it, and the worst relative
 * errors are printed. Exits with 1 when a supported case is off.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FormatError, UnsupportedError } from "../src/formats/error.ts";
import { readPeft } from "../src/formats/peft.ts";
import { readSafetensors, type Safetensors, toFloat32 } from "../src/formats/safetensors.ts";
import { Kernels } from "../src/gpu/kernel.ts";
import { readback, storage, upload } from "../src/gpu/memory.ts";
import { Arena } from "../src/tensor/plan.ts";
import { Tape } from "../src/tensor/tape.ts";
import { byteLength, numel, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { adopt } from "../src/train/adopt.ts";
import { Backbone } from "../src/train/backbone.ts";
import { Lane } from "../src/train/lane.ts";
import { classify, type Head, recordLoss } from "../src/train/record.ts";
import { gpu } from "./gpu.ts";
import { relativeError } from "./model.ts";

interface Worst {
  logits: number;
  loss: number;
  gradient: number;
  gradientOf: string;
  curve: number;
  after: number;
}
const STEPS = 10;
const kernels = new Kernels(gpu);

function integers(golden: Safetensors, name: string): Uint32Array {
  const entry = golden.tensors.get(name);
  if (!entry) throw new Error(`no ${name}`);
  const view = new DataView(entry.data.buffer, entry.data.byteOffset, entry.data.byteLength);
  return Uint32Array.from({ length: numel(entry.shape) }, (_, i) => Number(view.getBigInt64(8 * i, true)));
}
function floats(golden: Safetensors, name: string): Float32Array {
  const entry = golden.tensors.get(name);
  if (!entry) throw new Error(`no ${name}`);
  return toFloat32(entry);
}

async function textHead(backbone: Backbone, golden: Safetensors, end: number): Promise<Head> {
  const ids = integers(golden, "x.input_ids");
  const texts = golden.tensors.get("x.input_ids")?.shape[0] as number;
  const width = ids.length / texts;
  const positions = backbone.model.text?.positions as number;
  if (positions !== width) throw new Error(`texts of ${width} tokens for ${positions} positions`);
  const ends = Uint32Array.from({ length: texts }, (_, t) => ids.subarray(t * width, (t + 1) * width).indexOf(end));
  return { kind: "text", classes: await backbone.embedIds(ids, ends) };
}

/** Ten steps; relative errors against the golden values. */
async function run(backbone: Backbone, golden: Safetensors, folder: ReturnType<typeof readPeft>, end: number): Promise<Worst> {
  const lr = Number(golden.metadata.get("lr"));
  const weightDecay = Number(golden.metadata.get("weight_decay"));
  const setup = adopt(folder, backbone.sites, lr);
  const lane = new Lane(gpu, setup);
  const head = await textHead(backbone, golden, end);
  const shape = golden.tensors.get("x.pixel_values")?.shape as readonly number[];
  const labels = integers(golden, "x.labels");
  const given = (data: Float32Array | Uint32Array, dims: readonly number[]) =>
    tensor(dims, { type: data instanceof Uint32Array ? "u32" : "f32", buffer: upload(gpu, data, "given") });
  const pixels = given(floats(golden, "x.pixel_values"), shape);
  const keep = (x: Tensor) => Object.assign(x, { buffer: storage(gpu, byteLength(x), "kept") });
  const adamw = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay, clip: 0 };
  const forward = () => {
    const tape = new Tape(gpu.software);
    const pass = lane.pass(tape, true);
    return { tape, logits: keep(classify(pass, backbone.model.image.features(pass, pixels), head, backbone.model.text, lane)) };
  };
  const step = forward();
  const batch = { labels: given(labels, [labels.length]), count: given(new Uint32Array([labels.length]), [1]) };
  recordLoss(step.tape, lane, step.logits, batch, given(new Float32Array([1]), [1]), 0, adamw);
  const after = forward();
  const [stepPlan, afterPlan] = await new Arena(gpu, kernels).plan([step.tape, after.tape]);
  const submit = (plan: typeof stepPlan) => {
    const encoder = gpu.device.createCommandEncoder();
    plan?.encode(encoder);
    gpu.device.queue.submit([encoder.finish()]);
  };
  const read = async (x: Tensor) => new Float32Array(await readback(gpu, x.buffer as GPUBuffer, x.offset, 4 * numel(x.shape)));

  const worst: Worst = { logits: 0, loss: 0, gradient: 0, gradientOf: "", curve: 0, after: 0 };
  for (let i = 1; i <= STEPS; i++) {
    lane.trainables.prepare(i, lr, adamw);
    submit(stepPlan);
    if (i > 1) continue;
    worst.logits = relativeError(await read(step.logits), floats(golden, "logits"));
    for (const [name, trainable] of lane.trainables.tensors) {
      const want = gradientName(golden, name);
      const error = relativeError(await read(lane.trainables.gradient(trainable)), floats(golden, want));
      if (!(error <= worst.gradient)) Object.assign(worst, { gradient: error, gradientOf: name });
    }
  }
  const history = new Float32Array(await readback(gpu, lane.trainables.history, 0, 16 * STEPS));
  const losses = Array.from({ length: STEPS }, (_, i) => history[4 * i] as number);
  const curve = floats(golden, "curve");
  worst.loss = Math.abs((losses[0] as number) - (curve[0] as number)) / Math.abs(curve[0] as number);
  const judged = golden.tensors.has("curve_f32") ? STEPS : 2;
  worst.curve = worstOf(losses.slice(0, judged), curve.slice(0, judged));
  submit(afterPlan);
  worst.after = relativeError(await read(after.logits), floats(golden, "logits_after"));
  lane.destroy();
  return worst;
}

const worstOf = (got: ArrayLike<number>, want: ArrayLike<number>) =>
  Math.max(...Array.from(want, (w, i) => Math.abs((got[i] as number) - w) / Math.abs(w)));

const GRADIENTS: Readonly<Record<string, string>> = {
  a: "lora_A.default.weight",
  b: "lora_B.default.weight",
  lambda: "randlora_lambda.default",
  gamma: "randlora_gamma.default",
};
function gradientName(golden: Safetensors, name: string): string {
  const dot = name.lastIndexOf(".");
  const wanted = `grad.base_model.model.${name.slice(0, dot)}.${GRADIENTS[name.slice(dot + 1)]}`;
  if (!golden.tensors.has(wanted)) throw new Error(`no ${wanted}`);
  return wanted;
}

/** Tolerances: the format's own for the first step; for ten steps also five times what PyTorch's float32 run deviates. */
function limits(golden: Safetensors): { curve: number; after: number } {
  if (!golden.tensors.has("curve_f32")) return { curve: 1e-3, after: Number.POSITIVE_INFINITY };
  return {
    curve: Math.max(1e-3, 5 * worstOf(floats(golden, "curve_f32"), floats(golden, "curve"))),
    after: Math.max(1e-3, 5 * relativeError(floats(golden, "logits_after_f32"), floats(golden, "logits_after"))),
  };
}

async function judge(dir: string, model: string, method: string): Promise<"passed" | "failed" | "unsupported"> {
  const line = (text: string) => console.log(`${`${model}.${method}`.padEnd(36)} ${text}`);
  try {
    if (model !== "clip-vision")
      throw new UnsupportedError("model", `${model} has no file in src/models, or trains more than its vision tower`);
    const peft = join(dir, `${model}.${method}.peft`);
    if (!existsSync(peft)) throw new UnsupportedError("method", `${method} has no file in src/adapters`);
    const folder = readPeft(new Map(readdirSync(peft).map((name) => [name, readFileSync(join(peft, name))])));
    const golden = readSafetensors(readFileSync(join(dir, `${model}.${method}.golden.safetensors`)));
    const config = readFileSync(join(dir, `${model}.base`, "config.json"));
    const backbone = new Backbone(gpu, kernels, { config, weights: readFileSync(join(dir, `${model}.base`, "model.safetensors")) });
    const end = (JSON.parse(config.toString()) as { text_config: { eos_token_id: number } }).text_config.eos_token_id;
    const worst = await run(backbone, golden, folder, end);
    backbone.destroy();
    const limit = limits(golden);
    const good =
      worst.logits <= 1e-4 && worst.loss <= 1e-4 && worst.gradient <= 1e-3 && worst.curve <= limit.curve && worst.after <= limit.after;
    const e = (value: number) => value.toExponential(1);
    const judged = golden.tensors.has("curve_f32")
      ? `curve ${e(worst.curve)} (≤ ${e(limit.curve)}), logits after ${e(worst.after)} (≤ ${e(limit.after)})`
      : `two losses ${e(worst.curve)}`;
    line(
      `${good ? "pass" : "FAIL"}  logits ${e(worst.logits)}, loss ${e(worst.loss)}, gradient ${e(worst.gradient)} (${worst.gradientOf}), ${judged}`,
    );
    return good ? "passed" : "failed";
  } catch (error) {
    if (error instanceof UnsupportedError) {
      line(`unsupported: ${error.message}`);
      return "unsupported";
    }
    line(`FAIL  ${error instanceof FormatError ? error.message : error instanceof Error ? error.stack : String(error)}`);
    return "failed";
  }
}

export default async function golden([dir]: string[]): Promise<void> {
  if (!dir || !existsSync(dir)) throw new Error("usage: npm run golden -- DIR, a folder of <model>.<method>.golden.safetensors files");
  const cases = readdirSync(dir)
    .map((name) => /^(.+?)\.(.+)\.golden\.safetensors$/.exec(name))
    .filter((match) => match !== null);
  if (cases.length === 0) throw new Error(`${dir} holds no golden files`);
  const count = { passed: 0, failed: 0, unsupported: 0 };
  for (const [, model, method] of cases) count[await judge(dir, model as string, method as string)]++;
  console.log(`${count.passed} passed, ${count.failed} failed, ${count.unsupported} unsupported`);
  if (count.failed > 0 || count.passed === 0) process.exitCode = 1;
}

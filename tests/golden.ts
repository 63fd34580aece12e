/**
 * Checks training against golden values from PyTorch and PEFT, made by a script that ran the real ones:
 *   npm run golden -- DIR
 * Every `<model>.<method>.golden.safetensors` in DIR is trained for ten steps, as the page would train it, and the worst relative
 * errors are printed. Exits with 1 when a supported case is off.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AnyAdapter } from "../src/adapters/adapter.ts";
import { rankOf } from "../src/analysis/rank.ts";
import { FormatError, UnsupportedError } from "../src/formats/error.ts";
import { readSafetensors, type Safetensors, toFloat32 } from "../src/formats/safetensors.ts";
import { Kernels } from "../src/gpu/kernel.ts";
import { readback, storage, upload } from "../src/gpu/memory.ts";
import { Arena } from "../src/tensor/plan.ts";
import { Tape } from "../src/tensor/tape.ts";
import { byteLength, numel, owner, type Tensor, tensor } from "../src/tensor/tensor.ts";
import { adopt } from "../src/train/adopt.ts";
import { Backbone } from "../src/train/backbone.ts";
import { classify, HEAD, type Head } from "../src/train/head.ts";
import { Lane, type LaneSetup } from "../src/train/lane.ts";
import { recordLoss } from "../src/train/record.ts";
import { withUpdate } from "../src/train/way.ts";
import { gpu } from "./gpu.ts";
import { relativeError } from "./model.ts";

interface Worst {
  logits: number;
  loss: number;
  gradient: number;
  gradientOf: string;
  /** Largest |σ − σ'| over the largest σ, over all layers. */
  spectrum: number;
  curve: number;
  after: number;
}
const STEPS = 10;
const kernels = new Kernels(gpu);

class Golden {
  readonly #file: Safetensors;
  /** Names of a section without PEFT's wrapping, as its files have them: "vit.layers.0.mlp.fc1.lora_A.weight". */
  readonly #names = new Map<string, string>();
  constructor(file: Safetensors) {
    this.#file = file;
    for (const name of file.tensors.keys()) {
      const plain = name.replace(".base_model.model", "").replace(".modules_to_save", "").replace(".default", "");
      this.#names.set(plain.replace("lora_magnitude_vector.weight", "lora_magnitude_vector"), name);
    }
  }
  has = (name: string): boolean => this.#names.has(name);
  names = (): readonly string[] => [...this.#names.keys()];
  number = (name: string): number => Number(this.#file.metadata.get(name));
  #entry(name: string) {
    const entry = this.#file.tensors.get(this.#names.get(name) ?? name);
    if (!entry) throw new Error(`the golden file has no ${name}`);
    return entry;
  }
  shape = (name: string): readonly number[] => this.#entry(name).shape;
  floats = (name: string): Float32Array => toFloat32(this.#entry(name));
  integers(name: string): Uint32Array {
    const { data, shape } = this.#entry(name);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    return Uint32Array.from({ length: numel(shape) }, (_, i) => Number(view.getBigInt64(8 * i, true)));
  }
}

const given = (data: Float32Array | Uint32Array, shape: readonly number[]): Tensor =>
  tensor(shape, { type: data instanceof Uint32Array ? "u32" : "f32", buffer: upload(gpu, data, "given") });

/** The head of the golden run: the classifier it trained, or the texts it compared the images with. */
async function headOf(backbone: Backbone, golden: Golden, trainsTexts: boolean, end: number): Promise<Head> {
  if (!golden.has("x.input_ids")) return { kind: "linear", classes: golden.shape(`start.${HEAD.weight}`)[0] as number };
  const [all, [texts, width]] = [golden.integers("x.input_ids"), golden.shape("x.input_ids") as [number, number]];
  const ends = Uint32Array.from({ length: texts }, (_, t) => all.subarray(t * width, (t + 1) * width).indexOf(end));
  const tokens = Math.max(...ends) + 1;
  const ids = Uint32Array.from({ length: texts * tokens }, (_, i) => all[Math.floor(i / tokens) * width + (i % tokens)] as number);
  if (trainsTexts) return { kind: "prompts", ids: given(ids, [ids.length]), ends: given(ends, [texts]) };
  return { kind: "text", classes: await backbone.embed({ ids, ends }) };
}

/** Ten steps; relative errors against the golden values. */
async function run(backbone: Backbone, golden: Golden, setup: LaneSetup, end: number): Promise<Worst> {
  const lr = setup.config.lr;
  const head = await headOf(
    backbone,
    golden,
    golden.names().some((name) => name.startsWith("start.text_model")),
    end,
  );
  const values = new Map(
    head.kind === "linear"
      ? Object.values(HEAD).map((name) => [name, { shape: golden.shape(`start.${name}`), data: golden.floats(`start.${name}`) }])
      : [],
  );
  const lane = await Lane.open(gpu, kernels, { ...setup, head: values });
  const { model } = backbone.through(lane.own);
  const labels = golden.integers("x.labels");
  const pixels = given(golden.floats("x.pixel_values"), golden.shape("x.pixel_values"));
  const keep = (x: Tensor) => {
    owner(x).buffer ??= storage(gpu, byteLength(x), "kept");
    return x;
  };
  const adamw = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: golden.number("weight_decay"), clip: 0 };
  const forward = () => {
    const tape = new Tape(gpu.software);
    return { tape, logits: keep(classify(lane.pass(tape, true), model, pixels, head, (name) => lane.tensor(name))) };
  };
  const step = forward();
  const batch = { labels: given(labels, [labels.length]), count: given(new Uint32Array([labels.length]), [1]) };
  recordLoss(step.tape, lane, step.logits, batch, given(new Float32Array([1]), [1]), 0, adamw);
  const after = forward();
  const spectra = backbone.sites.flatMap((site) => {
    const path = (backbone.def.renamed ?? String)(site.path);
    const attached = lane.attached(site);
    if (!golden.has(`sv.${path}`) || !attached) return [];
    const tape = new Tape(gpu.software);
    // As PEFT's get_delta_weight, without DoRA's magnitude.
    const zeros = given(new Float32Array(site.in * site.out), [site.out, site.in]);
    return [{ site, path, tape, delta: keep(withUpdate(tape, attached, site, zeros)) }];
  });
  const [stepPlan, afterPlan, ...deltaPlans] = await new Arena(gpu, kernels).plan([
    step.tape,
    after.tape,
    ...spectra.map(({ tape }) => tape),
  ]);
  const submit = (plan: typeof stepPlan) => {
    const encoder = gpu.device.createCommandEncoder();
    plan?.encode(encoder);
    gpu.device.queue.submit([encoder.finish()]);
  };
  const read = async (x: Tensor) => new Float32Array(await readback(gpu, x.buffer as GPUBuffer, x.offset, 4 * numel(x.shape)));

  const worst: Worst = { logits: 0, loss: 0, gradient: 0, gradientOf: "", spectrum: 0, curve: 0, after: 0 };
  for (const [i, { site, path, delta }] of spectra.entries()) {
    submit(deltaPlans[i]);
    const { singularValues } = rankOf((await read(delta)) as Float32Array<ArrayBuffer>, site.out, site.in);
    const want = golden.floats(`sv.${path}`);
    const off = Math.max(...Array.from(want, (s, k) => Math.abs(s - (singularValues[k] as number)))) / Math.max(...want);
    worst.spectrum = Math.max(worst.spectrum, off);
  }
  if (spectra.length === 0 && golden.names().some((name) => name.startsWith("sv.")))
    throw new Error("no layer has the name of a golden spectrum");
  for (let i = 1; i <= STEPS; i++) {
    lane.trainables.prepare(i, lr, adamw);
    submit(stepPlan);
    if (i > 1) continue;
    worst.logits = relativeError(await read(step.logits), golden.floats("logits"));
    const names = [...lane.trainables.tensors].map(([name, trainable]) => ({
      name,
      trainable,
      want: golden.floats(keyOf(backbone, lane, name)),
    }));
    const largest = Math.max(...names.map(({ want }) => norm(want)));
    for (const { name, trainable, want } of names) {
      const got = await read(lane.trainables.gradient(trainable));
      // A gradient that is zero by its mathematics, such as that of a key's bias, is rounding in float32: judged beside the others.
      const error = Math.min(relativeError(got, want), (1e3 * norm(got.map((g, k) => g - (want[k] as number)))) / largest);
      if (!(error <= worst.gradient)) Object.assign(worst, { gradient: error, gradientOf: name });
    }
  }
  const history = new Float32Array(await readback(gpu, lane.trainables.history, 0, 16 * STEPS));
  const losses = Array.from({ length: STEPS }, (_, i) => history[4 * i] as number);
  const curve = golden.floats("curve");
  worst.loss = Math.abs((losses[0] as number) - (curve[0] as number)) / Math.abs(curve[0] as number);
  const judged = golden.has("curve_f32") ? STEPS : 2;
  worst.curve = worstOf(losses.slice(0, judged), curve.slice(0, judged));
  submit(afterPlan);
  worst.after = relativeError(await read(after.logits), golden.floats("logits_after"));
  lane.destroy();
  return worst;
}

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
const worstOf = (got: ArrayLike<number>, want: ArrayLike<number>) =>
  Math.max(...Array.from(want, (w, i) => Math.abs((got[i] as number) - w) / Math.abs(w)));

/** Where the golden file keeps the gradient of a trainable. */
function keyOf({ def, sites }: Backbone, lane: Lane, name: string): string {
  const renamed = def.renamed ?? String;
  const dot = name.lastIndexOf(".");
  const site = sites.find(({ path }) => path === name.slice(0, dot));
  const part = (lane.def as AnyAdapter).peft?.parts[name.slice(dot + 1)];
  return `grad.${site && part ? `${renamed(site.path)}.${part}` : renamed(name)}`;
}

/** Tolerances: the format's own for the first step; for ten steps also five times what PyTorch's float32 run deviates. */
function limits(golden: Golden): { curve: number; after: number } {
  if (!golden.has("curve_f32")) return { curve: 1e-3, after: Number.POSITIVE_INFINITY };
  return {
    curve: Math.max(1e-3, 5 * worstOf(golden.floats("curve_f32"), golden.floats("curve"))),
    after: Math.max(1e-3, 5 * relativeError(golden.floats("logits_after_f32"), golden.floats("logits_after"))),
  };
}

/** The lane that the golden run trained: an adapter of PEFT, or without one the whole model. */
function setupOf(dir: string, name: string, backbone: Backbone, lr: number): LaneSetup {
  const own = new Map(backbone.parameters.map((parameter) => [parameter.name, backbone.tensor(parameter.name)]));
  const peft = join(dir, `${name}.peft`);
  if (!existsSync(peft)) return { sites: [], own, config: { method: "full", settings: {}, lr }, seed: 0, head: new Map() };
  const { config, ...rest } = adopt(new Map(readdirSync(peft).map((file) => [file, readFileSync(join(peft, file))])), backbone);
  return { ...rest, config: { ...config, lr }, head: new Map() };
}

async function judge(dir: string, model: string, method: string): Promise<"passed" | "failed" | "unsupported"> {
  const name = `${model}.${method}`;
  const line = (text: string) => console.log(`${name.padEnd(36)} ${text}`);
  try {
    const golden = new Golden(readSafetensors(readFileSync(join(dir, `${name}.golden.safetensors`))));
    const config = readFileSync(join(dir, `${model}.base`, "config.json"));
    const backbone = new Backbone(gpu, kernels, { config, weights: readFileSync(join(dir, `${model}.base`, "model.safetensors")) });
    const end = (JSON.parse(config.toString()) as { text_config?: { eos_token_id: number } }).text_config?.eos_token_id ?? 0;
    const worst = await run(backbone, golden, setupOf(dir, name, backbone, golden.number("lr")), end);
    backbone.destroy();
    const limit = limits(golden);
    const good =
      worst.logits <= 1e-4 &&
      worst.loss <= 1e-4 &&
      worst.gradient <= 1e-3 &&
      worst.spectrum <= 1e-3 &&
      worst.curve <= limit.curve &&
      worst.after <= limit.after;
    const e = (value: number) => value.toExponential(1);
    const judged = golden.has("curve_f32")
      ? `curve ${e(worst.curve)} (≤ ${e(limit.curve)}), logits after ${e(worst.after)} (≤ ${e(limit.after)})`
      : `two losses ${e(worst.curve)}`;
    line(
      `${good ? "pass" : "FAIL"}  logits ${e(worst.logits)}, loss ${e(worst.loss)}, gradient ${e(worst.gradient)} (${worst.gradientOf}), ` +
        `σ ${e(worst.spectrum)}, ${judged}`,
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

/** The step as this project trains: the layers of its models, a lane with LoRA, and a plan that is replayed. */
import { openGpu } from "../../../src/gpu/device.ts";
import { Kernels } from "../../../src/gpu/kernel.ts";
import { readback, upload } from "../../../src/gpu/memory.ts";
import { type Layer, Scope } from "../../../src/models/model.ts";
import { add } from "../../../src/ops/add.ts";
import { attention } from "../../../src/ops/attention.ts";
import { gelu } from "../../../src/ops/gelu.ts";
import { matmul } from "../../../src/ops/matmul.ts";
import { rownorm } from "../../../src/ops/rownorm.ts";
import { rowscale } from "../../../src/ops/rowscale.ts";
import { Arena } from "../../../src/tensor/plan.ts";
import { Tape } from "../../../src/tensor/tape.ts";
import { reshape, type Tensor, tensor } from "../../../src/tensor/tensor.ts";
import { tune } from "../../../src/tensor/tuning.ts";
import { choicesOf } from "../../../src/tensor/variant.ts";
import { Lane } from "../../../src/train/lane.ts";
import { adamwOf, RING } from "../../../src/train/optimizer.ts";
import { ADAM, EPS, type Program, type Work } from "./work.ts";

/** With the betas and epsilon of ADAM. */
const ADAMW = adamwOf({ weightDecay: 0, clip: 0 });

export async function open({ block, rows, width, batch, heads, rank, linears, ...work }: Work): Promise<Program> {
  const gpu = await openGpu(navigator.gpu);
  const kernels = new Kernels(gpu);
  const given = (shape: readonly number[], data: Float32Array): Tensor => tensor(shape, { buffer: upload(gpu, data, "given") });

  const frozen = new Map([
    ["norm.weight", work.gamma],
    ["norm.bias", work.beta],
  ]);
  const trained = new Map<string, Float32Array>();
  for (const { name, weight, bias, a, b } of linears) {
    frozen.set(`${name}.weight`, weight);
    if (bias) frozen.set(`${name}.bias`, bias);
    trained.set(`${name}.a`, a).set(`${name}.b`, b);
  }
  const scope = new Scope((name, shape) => given(shape, frozen.get(name) as Float32Array));
  const norm = scope.norm("norm", width, EPS);
  const layers = linears.map(({ name, in: inner, out, bias }) =>
    scope.linear(name, inner, out, { block: 0, target: name, bias: bias !== undefined }),
  );
  const lane = await Lane.open(gpu, kernels, {
    sites: scope.sites,
    config: { method: "lora", settings: { rank, alpha: rank, dropout: 0 }, lr: ADAM.lr },
    seed: 0,
    head: new Map(),
    given: { trainable: trained, shared: {} },
  });

  const [x, target] = [given([rows, width], work.x), given([rows, width], work.target)];
  const scale = given([rows], new Float32Array(rows).fill(2 / (rows * width)));
  const rights = given([1, 2], new Float32Array(2)); // classifiers count what is right; there are none here
  const record = (): Tape => {
    const tape = new Tape(gpu.software, choicesOf(gpu));
    const pass = lane.pass(tape, true);
    const h = norm(pass, x);
    const mlp = ([fc1, fc2]: readonly Layer[]) => fc2?.(pass, tape.apply(gelu, { x: fc1?.(pass, h) as Tensor }, { kind: "exact" }), x);
    const mixer = ([query, key, value, out]: readonly Layer[]) => {
      const [q, k, v] = [query, key, value].map((layer) => layer?.(pass, h)) as [Tensor, Tensor, Tensor];
      return out?.(pass, tape.apply(attention, { q, k, v }, { batch, heads }), x);
    };
    const y = (block === "mlp" ? mlp(layers) : mixer(layers)) as Tensor;
    const off = tape.apply(add, { a: y, b: target }, { factor: -1 });
    const norms = tape.apply(rownorm, { x: off }, {});
    const loss = tape.apply(matmul, { a: reshape(norms, [1, rows]), b: reshape(norms, [rows, 1]) }, { alpha: 1 / (rows * width) });
    const grads = tape.backward(y, tape.apply(rowscale, { x: off, scale }, {}));
    lane.trainables.place(
      tape,
      new Map([...lane.trainables.tensors.values()].map((trainable) => [trainable, grads.get(trainable) as Tensor])),
    );
    lane.trainables.record(tape, reshape(loss, [1]), rights, ADAMW);
    return tape;
  };
  // As a race is opened: a first recording tells what there is to tune.
  const draft = record();
  const tape = (await tune(gpu, kernels, [draft])) ? record() : draft;
  const [plan] = await new Arena(gpu, kernels).plan([tape]);

  let steps = 0;
  return {
    version: `${tape.launches.length} launches`,
    step() {
      lane.trainables.prepare(++steps, ADAM.lr, ADAMW);
      plan?.submit(gpu);
    },
    async loss() {
      const line = readback(gpu, lane.trainables.history, ((steps - 1) % RING) * 16, 16);
      return new Float32Array(await Promise.race([line, gpu.fault]))[0] as number;
    },
  };
}

/** The adapter that a page gets. */
export async function adapter(): Promise<{ readonly name: string; readonly software: boolean }> {
  const { name, software, close } = await openGpu(navigator.gpu);
  close();
  return { name, software };
}

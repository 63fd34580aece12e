/** The step in TensorFlow.js: its ops, its gradients, its Adam. */
import { getThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import plain from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url";
import simd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import threaded from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url";
import "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";
import { ADAM, EPS, turned } from "./work.ts";

/** The last two axes exchanged. */
const turn = (x) => tf.transpose(x, [...x.shape.keys()].slice(0, -2).concat(x.rank - 1, x.rank - 2));
/** For its WebAssembly, which is slow where a factor lies transposed, as in its own gradients: two to four times as fast a step. */
const PRODUCT = {
  kernelName: tf.BatchMatMul,
  inputsToSave: ["a", "b"],
  gradFunc: (dy, [a, b]) => ({ a: () => tf.matMul(dy, turn(b)), b: () => tf.matMul(turn(a), dy) }),
};

export async function open({ block, rows, width, batch, tokens, heads, rank, linears, ...work }, backend) {
  setWasmPaths({ "tfjs-backend-wasm.wasm": plain, "tfjs-backend-wasm-simd.wasm": simd, "tfjs-backend-wasm-threaded-simd.wasm": threaded });
  tf.enableProdMode();
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js has no ${backend} here`);
  await tf.ready();
  if (backend === "wasm") tf.registerGradient(PRODUCT);

  const given = (data, shape) => tf.tensor(data, shape, "float32");
  const [x, target] = [given(work.x, [rows, width]), given(work.target, [rows, width])];
  const [gamma, beta] = [given(work.gamma, [width]), given(work.beta, [width])];
  // As in its own dense layers, matrices are (in, out).
  const layers = linears.map(({ in: inner, out, weight, bias, a, b }) => ({
    w: given(turned(weight, out, inner), [inner, out]),
    bias: bias && given(bias, [out]),
    a: tf.variable(given(turned(a, rank, inner), [inner, rank])),
    b: tf.variable(given(turned(b, out, rank), [rank, out])),
  }));
  const trained = layers.flatMap(({ a, b }) => [a, b]);

  const through = ({ w, bias, a, b }, input) => {
    const y = tf.add(tf.matMul(input, w), tf.matMul(tf.matMul(input, a), b));
    return bias ? tf.add(y, bias) : y;
  };
  const norm = (input) => {
    const { mean, variance } = tf.moments(input, -1, true);
    return tf.add(tf.mul(tf.mul(tf.sub(input, mean), tf.rsqrt(tf.add(variance, EPS))), gamma), beta);
  };
  const gelu = (input) => tf.mul(tf.mul(input, 0.5), tf.add(tf.erf(tf.mul(input, Math.SQRT1_2)), 1));
  const split = (input, order) => tf.transpose(tf.reshape(input, [batch, tokens, heads, width / heads]), order);
  const attention = (q, k, v) => {
    const scores = tf.matMul(tf.mul(split(q, [0, 2, 1, 3]), Math.sqrt(heads / width)), split(k, [0, 2, 3, 1]));
    const mixed = tf.matMul(tf.softmax(scores), split(v, [0, 2, 1, 3]));
    return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [rows, width]);
  };
  const blocks = {
    mlp: (h, [fc1, fc2]) => through(fc2, gelu(through(fc1, h))),
    attention: (h, [q, k, v, out]) => through(out, attention(through(q, h), through(k, h), through(v, h))),
  };
  // Of rows first: in WebAssembly a sum of a million numbers is off by 3e-4.
  const cost = () => tf.mean(tf.mean(tf.square(tf.sub(tf.add(x, blocks[block](norm(x), layers)), target)), -1));

  const optimizer = tf.train.adam(ADAM.lr, ADAM.beta1, ADAM.beta2, ADAM.eps);
  let last;
  return {
    version: backend === "wasm" ? `${tf.version_core}, threads: ${getThreadsCount()}` : tf.version_core,
    step() {
      last?.dispose();
      last = optimizer.minimize(cost, true, trained);
    },
    loss: async () => (await last.data())[0],
  };
}

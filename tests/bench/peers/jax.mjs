/** The step in jax-js: one function under its jit, the optimiser included. */
import { defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { dependencies } from "./package.json";
import { ADAM, EPS, turned } from "./work.ts";

export async function open({ block, rows, width, batch, tokens, heads, rank, linears, ...work }, device) {
  if (!(await init(device)).includes(device)) throw new Error(`jax-js has no ${device} here`);
  defaultDevice(device);

  const given = (data, shape) => np.array(data).reshape(shape);
  // Matrices are (in, out), as is usual there.
  const frozen = {
    x: given(work.x, [rows, width]),
    target: given(work.target, [rows, width]),
    gamma: given(work.gamma, [width]),
    beta: given(work.beta, [width]),
    layers: linears.map(({ in: inner, out, weight, bias }) => ({
      w: given(turned(weight, out, inner), [inner, out]),
      ...(bias && { bias: given(bias, [out]) }),
    })),
  };
  let trained = linears.map(({ in: inner, out, a, b }) => ({
    a: given(turned(a, rank, inner), [inner, rank]),
    b: given(turned(b, out, rank), [rank, out]),
  }));
  const zeros = () => tree.map((p) => np.zerosLike(p.ref), trained);
  let [mean, variance] = [zeros(), zeros()];
  /** The betas to the power of the steps so far. */
  let powers = [np.array(1), np.array(1)];

  // A function takes its arguments over; `.ref` is one more use of them.
  const through = ({ w, bias, a, b }, input) => {
    const y = np.matmul(input.ref, w).add(np.matmul(np.matmul(input, a), b));
    return bias ? y.add(bias) : y;
  };
  const split = (input) => input.reshape([batch, tokens, heads, width / heads]);
  const blocks = {
    mlp: (h, [fc1, fc2]) => through(fc2, nn.gelu(through(fc1, h), { approximate: false })),
    attention: (h, [q, k, v, out]) => {
      const mixed = nn.dotProductAttention(split(through(q, h.ref)), split(through(k, h.ref)), split(through(v, h)));
      return through(out, mixed.reshape([rows, width]));
    },
  };
  const cost = (p, { x, target, gamma, beta, layers }) => {
    const h = nn.standardize(x.ref, -1, { epsilon: EPS }).mul(gamma).add(beta);
    const y = blocks[block](
      h,
      layers.map((layer, i) => ({ ...layer, ...p[i] })),
    );
    // Of rows first: in WebAssembly a sum of a million numbers is off by 3e-4.
    return np.mean(np.mean(np.square(x.add(y).sub(target)), -1));
  };
  const update = jit(function update(p, m, v, [power1, power2], constants) {
    const [loss, g] = valueAndGrad(cost)(tree.ref(p), constants);
    const [next1, next2] = [power1.mul(ADAM.beta1), power2.mul(ADAM.beta2)];
    const nextM = tree.map((at, d) => at.mul(ADAM.beta1).add(d.mul(1 - ADAM.beta1)), m, tree.ref(g));
    const nextV = tree.map((at, d) => at.mul(ADAM.beta2).add(np.square(d).mul(1 - ADAM.beta2)), v, g);
    const change = (at, first, second) => {
      const scale = np.sqrt(second.div(np.subtract(1, next2.ref))).add(ADAM.eps);
      return at.sub(first.div(np.subtract(1, next1.ref)).div(scale).mul(ADAM.lr));
    };
    return [tree.map(change, p, tree.ref(nextM), tree.ref(nextV)), nextM, nextV, [next1, next2], loss];
  });

  let last;
  return {
    version: dependencies["@jax-js/jax"],
    step() {
      last?.dispose();
      [trained, mean, variance, powers, last] = update(trained, mean, variance, powers, tree.ref(frozen));
    },
    loss: async () => (await last.ref.data())[0],
  };
}

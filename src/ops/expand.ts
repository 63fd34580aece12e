import { numel, type Tensor } from "../tensor/tensor.ts";
import { defineOp, flatGroups } from "./op.ts";

/**
 * y (rank · bases, small) = λ ⊙ A ⊙ γ: the scaled copies of RandLoRA's A, rank-major as PEFT stacks them.
 * a is (rank, ≥ small), λ is (rank, bases), γ is (bases, small). A is frozen.
 */
export const expand = defineOp<"a" | "lambda" | "gamma">({
  name: "expand",
  forward(r, { a, lambda, gamma }) {
    const { params, rows, small } = sizes(a, lambda, gamma);
    const y = r.out([rows, small]);
    r.run({ shader: "expand", entry: "forward", buffers: { a, lambda, gamma, y }, params, groups: flatGroups(rows * small, 64) });
    return { y };
  },
  backward(r, { a, lambda, gamma }, _saved, dy, need) {
    if (need.a) throw new Error("expand: A is frozen; only λ and γ have gradients");
    const { params, rows } = sizes(a, lambda, gamma);
    const [dlambda, dgamma] = [r.out(lambda.shape), r.out(gamma.shape)];
    if (need.lambda)
      r.run({ shader: "expand", entry: "backward_l", buffers: { a, gamma, dy, dlambda }, params, groups: flatGroups(rows, 1) });
    if (need.gamma)
      r.run({
        shader: "expand",
        entry: "backward_g",
        buffers: { a, lambda, dy, dgamma },
        params,
        groups: flatGroups(numel(gamma.shape), 64),
      });
    return { lambda: dlambda, gamma: dgamma };
  },
});

function sizes(a: Tensor, lambda: Tensor, gamma: Tensor) {
  const [rank, bases] = lambda.shape as [number, number];
  const small = gamma.shape[1] as number;
  return { params: { rank, bases, small, stride: a.shape[1] as number }, rows: rank * bases, small };
}

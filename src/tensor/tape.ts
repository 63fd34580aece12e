/** The record of one training step: launches in order, and reverse mode over them. Nothing runs here. */
import { type AnyOp, flatGroups, type Grads, type Launch, type Named, type OpDef, type Recorder } from "./op.ts";
import { type ElementType, numel, owner, reshape, type Tensor, tensor } from "./tensor.ts";

/** What an op gave. */
export interface Applied {
  readonly y: Tensor;
  readonly saved: Readonly<Record<string, Tensor>>;
}

interface Node extends Applied {
  readonly op: AnyOp;
  readonly inputs: Readonly<Record<string, Tensor | undefined>>;
  readonly cfg: unknown;
}

export class Tape implements Recorder {
  readonly software: boolean;
  readonly launches: Launch[] = [];
  readonly #nodes: Node[] = [];

  constructor(software: boolean) {
    this.software = software;
  }

  out(shape: readonly number[], type: ElementType = "f32"): Tensor {
    return tensor(shape, { type });
  }

  run(launch: Launch): void {
    this.launches.push(launch);
  }

  /** Records the op's forward and remembers it for `backward`. The result needs a gradient if any input does. */
  apply<I extends string, O extends string, C>(op: OpDef<I, O, C>, inputs: Named<I, O>, cfg: C): Tensor {
    return this.record(op, inputs, cfg).y;
  }

  /** As `apply`, with the tensors that the op saves, such as the loss of every row. */
  record<I extends string, O extends string, C>(op: OpDef<I, O, C>, inputs: Named<I, O>, cfg: C): Applied {
    const { y, saved = {} } = op.forward(this, inputs, cfg);
    const all: Readonly<Record<string, Tensor | undefined>> = inputs;
    if (Object.values(all).some((x) => x?.needsGrad)) {
      owner(y).needsGrad = true;
      this.#nodes.push({ op, inputs: all, cfg, y, saved });
    }
    return { y, saved };
  }

  /**
   * Records the backward pass from `y`, whose gradient is `dy`, and returns the gradient of every leaf that needs one.
   * Walks the ops in reverse, skips those that no gradient reaches, and asks each for the needed gradients only.
   */
  backward(y: Tensor, dy: Tensor): Map<Tensor, Tensor> {
    const grads = new Map<Tensor, Tensor>([[owner(y), dy]]);
    for (const node of this.#nodes.toReversed()) {
      const grad = grads.get(owner(node.y));
      if (!grad) continue;
      grads.delete(owner(node.y));
      this.#step(node, reshape(grad, node.y.shape), grads);
    }
    this.#nodes.length = 0;
    return grads;
  }

  #step({ op, inputs, cfg, saved }: Node, dy: Tensor, grads: Map<Tensor, Tensor>): void {
    if (!op.backward) throw new Error(`${op.name} has no backward, but a gradient is asked of it`);
    const need = Object.fromEntries(Object.entries(inputs).map(([name, x]) => [name, x?.needsGrad === true]));
    const prior: Record<string, Tensor> = {};
    for (const name of op.absorbs ?? []) {
      const x = inputs[name];
      const known = x && need[name] && grads.get(owner(x));
      if (!known) continue;
      prior[name] = reshape(known, x.shape);
      grads.delete(owner(x));
    }
    const result: Grads<string> = op.backward(this, inputs as Named<string>, saved, dy, need, cfg, prior);
    for (const [name, x] of Object.entries(inputs)) {
      if (!x || !need[name]) continue;
      const dx = result[name];
      if (!dx) throw new Error(`${op.name} gave no gradient of "${name}"`);
      const known = grads.get(owner(x));
      grads.set(owner(x), known ? this.#sum(known, dx) : dx);
    }
  }

  /** A tensor that is used twice gets two gradients; most ops absorb the first one, the others are added here. */
  #sum(a: Tensor, b: Tensor): Tensor {
    const y = this.out(b.shape);
    const n = numel(b.shape);
    this.run({ shader: "elementwise", entry: "add", buffers: { a, b, y }, params: { n, factor: 1 }, groups: flatGroups(n) });
    return y;
  }
}

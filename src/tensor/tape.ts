/** The record of one training step: launches in order, and reverse mode over them. Nothing runs here. */
import { type AnyOp, flatGroups, type Given, type Grads, type Launch, type Named, type OpDef, type Recorder, type Variant } from "./op.ts";
import { partsOf, stackOf } from "./stack.ts";
import { type ElementType, numel, owner, reshape, storageOf, type Tensor, tensor } from "./tensor.ts";
import type { Choice, Trial } from "./variant.ts";

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

/** Tensors that lie one after the other in a whole: what is computed of one is the gradient of the other. */
/** A problem whose fastest variant is not known. */
export interface Untuned extends Trial {
  /** How often the tape runs it. */
  uses: number;
}

interface Stacking {
  readonly whole: Tensor;
  readonly parts: readonly Tensor[];
  /** The whole was made of the parts, and not the parts of the whole. */
  readonly isStack: boolean;
}

/** An op whose result is computed again for the backward pass: how, and once it was, the second result and its launches. */
interface Again extends Pick<Node, "op" | "inputs" | "cfg"> {
  second?: { readonly y: Tensor; readonly launches: readonly Launch[]; isPlaced: boolean };
}

export class Tape implements Recorder {
  readonly software: boolean;
  readonly launches: Launch[] = [];
  /** Problems with several variants of which the fastest is not known, by the key of their choice. */
  readonly untuned = new Map<string, Untuned>();
  readonly #choices: ((problem: string, trial: Trial) => Choice) | undefined;
  /** What was picked so far, by problem. */
  readonly #picked = new Map<string, { readonly which: number; readonly untuned?: Untuned }>();
  readonly #nodes: (Node | Stacking)[] = [];
  readonly #once: { readonly op: AnyOp; readonly inputs: Node["inputs"]; readonly made: string; readonly y: Tensor }[] = [];
  /** By the first result. */
  readonly #again = new Map<Tensor, Again>();

  /**
   * `choices` tells the fastest variants that are known of the device (`choicesOf`), for what is run again and again. Without it
   * every op takes its own guess: what is computed once, before they are known, then has the same bits as later, when they are.
   */
  constructor(software: boolean, choices?: (problem: string, trial: Trial) => Choice) {
    this.software = software;
    this.#choices = choices;
  }

  out(shape: readonly number[], type: ElementType = "f32"): Tensor {
    return tensor(shape, { type });
  }

  run(launch: Launch): void {
    this.launches.push(launch);
  }

  pick<V extends Variant>(problem: string, variants: readonly V[], trial: (r: Recorder, variant: V, given: Given) => void): V {
    let picked = this.#picked.get(problem);
    if (!picked) {
      picked = this.#choose(problem, {
        names: variants.map(({ name }) => name),
        record: (r, index, given) => trial(r, variants[index] as V, given),
      });
      this.#picked.set(problem, picked);
    }
    if (picked.untuned) picked.untuned.uses++;
    return variants[picked.which] as V;
  }

  #choose(problem: string, trial: Trial): { readonly which: number; readonly untuned?: Untuned } {
    if (!this.#choices || trial.names.length < 2) return { which: 0 };
    const { key, fastest } = this.#choices(problem, trial);
    const which = trial.names.indexOf(fastest ?? "");
    if (which >= 0) return { which };
    const untuned = { ...trial, uses: 0 };
    this.untuned.set(key, untuned);
    return { which: 0, untuned };
  }

  /** Records the op's forward and remembers it for `backward`. The result needs a gradient if any input does. */
  apply<I extends string, O extends string, C>(op: OpDef<I, O, C>, inputs: Named<I, O>, cfg: C): Tensor {
    return this.record(op, inputs, cfg).y;
  }

  /** As `apply`, once for equal inputs: what several layers need alike of frozen tensors. */
  once<I extends string, O extends string, C>(op: OpDef<I, O, C>, inputs: Named<I, O>, cfg: C): Tensor {
    const all: Readonly<Record<string, Tensor | undefined>> = inputs;
    const made = JSON.stringify(cfg);
    const known = this.#once.find(
      (one) => one.op === op && one.made === made && Object.entries(all).every(([name, x]) => one.inputs[name] === x),
    );
    if (known) return known.y;
    const y = this.apply(op, inputs, cfg);
    this.#once.push({ op, inputs: all, made, y });
    return y;
  }

  /** As `apply`, with the tensors that the op saves, such as the loss of every row. */
  record<I extends string, O extends string, C>(op: OpDef<I, O, C>, inputs: Named<I, O>, cfg: C): Applied {
    const { y, saved = {} } = op.forward(this, inputs, cfg);
    const all: Readonly<Record<string, Tensor | undefined>> = inputs;
    if (Object.values(all).some((x) => x?.needsGrad)) {
      owner(y).needsGrad = true;
      this.#nodes.push({ op, inputs: all, cfg, y, saved });
    }
    if ((op as AnyOp).recomputed) this.#again.set(owner(y), { op, inputs: all, cfg });
    return { y, saved };
  }

  /** (n, …), the tensors of one shape (…) one after the other. What is still to be computed is computed there. */
  stack(parts: readonly Tensor[]): Tensor {
    const whole = stackOf(this, parts);
    if (parts.some(({ needsGrad }) => needsGrad)) {
      whole.needsGrad = true;
      this.#nodes.push({ whole, parts, isStack: true });
    }
    return whole;
  }

  /** The n tensors (…) that x (n, …) is made of. If it needs a gradient, all of them must get theirs. */
  parts(x: Tensor): Tensor[] {
    const parts = partsOf(x);
    if (x.needsGrad) {
      for (const part of parts) part.needsGrad = true;
      this.#nodes.push({ whole: x, parts, isStack: false });
    }
    return parts;
  }

  /**
   * Records the backward pass from `y`, whose gradient is `dy`, and returns the gradient of every leaf that needs one.
   * Walks the ops in reverse, skips those that no gradient reaches, and asks each for the needed gradients only.
   */
  backward(y: Tensor, dy: Tensor): Map<Tensor, Tensor> {
    const grads = new Map<Tensor, Tensor>([[owner(y), dy]]);
    for (const node of this.#nodes.toReversed()) {
      if ("parts" in node) {
        this.#restack(node, grads);
        continue;
      }
      const grad = grads.get(owner(node.y));
      if (!grad) continue;
      grads.delete(owner(node.y));
      this.#step(node, reshape(grad, node.y.shape), grads);
    }
    this.#nodes.length = 0;
    this.#again.clear();
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
    const first = this.launches.length;
    const standIns = this.#standIns(inputs);
    const result: Grads<string> = op.backward(this, standIns as Named<string>, saved, dy, need, cfg, prior);
    this.#place(first, inputs);
    for (const [name, x] of Object.entries(inputs)) {
      if (!x || !need[name]) continue;
      const dx = result[name];
      if (!dx) throw new Error(`${op.name} gave no gradient of "${name}"`);
      this.#give(grads, x, dx);
    }
  }

  #restack({ whole, parts, isStack }: Stacking, grads: Map<Tensor, Tensor>): void {
    const take = (x: Tensor) => {
      const found = grads.get(owner(x));
      grads.delete(owner(x));
      return found && reshape(found, x.shape);
    };
    if (isStack) {
      const grad = take(whole);
      for (const [i, part] of (grad ? partsOf(grad) : []).entries()) {
        const x = parts[i] as Tensor;
        if (x.needsGrad) this.#give(grads, x, part);
      }
      return;
    }
    const found = parts.map(take);
    if (found.every((grad) => !grad)) return;
    const all = found.filter((grad) => grad !== undefined);
    if (all.length < parts.length) throw new Error("Only some parts of a tensor have a gradient");
    this.#give(grads, whole, stackOf(this, all));
  }

  #give(grads: Map<Tensor, Tensor>, x: Tensor, dx: Tensor): void {
    const known = grads.get(owner(x));
    grads.set(owner(x), known ? this.#sum(known, dx) : dx);
  }

  /** The inputs, with second results in place of those that are not kept. Their launches wait until it is known that something reads them. */
  #standIns(inputs: Node["inputs"]): Node["inputs"] {
    return Object.fromEntries(
      Object.entries(inputs).map(([name, x]) => {
        const again = x && this.#again.get(owner(x));
        if (!again) return [name, x];
        again.second ??= this.#repeat(again);
        return [name, reshape(again.second.y, x.shape)];
      }),
    );
  }

  #repeat({ op, inputs, cfg }: Again): NonNullable<Again["second"]> {
    const first = this.launches.length;
    const { y } = op.forward(this, this.#standIns(inputs) as Named<string>, cfg);
    return { y, launches: this.launches.splice(first), isPlaced: false };
  }

  /** Puts the launches of second results before launch `at`, if one from there on reads them. */
  #place(at: number, inputs: Node["inputs"]): void {
    for (const x of Object.values(inputs)) {
      const again = x && this.#again.get(owner(x));
      const second = again?.second;
      if (!second || second.isPlaced) continue;
      const home = storageOf(second.y);
      if (!this.launches.slice(at).some(({ buffers }) => Object.values(buffers).some((b) => storageOf(b) === home))) continue;
      second.isPlaced = true;
      this.launches.splice(at, 0, ...second.launches);
      this.#place(at, again.inputs);
    }
  }

  /** A tensor that is used twice gets two gradients; most ops absorb the first one, the others are added here. */
  #sum(a: Tensor, b: Tensor): Tensor {
    const y = this.out(b.shape);
    const n = numel(b.shape);
    this.run({ shader: "elementwise", entry: "add", buffers: { a, b, y }, params: { n, factor: 1 }, groups: flatGroups(n / 4) });
    return y;
  }
}

/** How much a training step has to compute, from its shapes alone. */
import type { Site } from "../models/model.ts";
import { Tape } from "../tensor/tape.ts";
import { numel } from "../tensor/tensor.ts";
import type { Backbone } from "../train/backbone.ts";
import type { Lane } from "../train/lane.ts";
import { type Attached, cheaperWay } from "../train/way.ts";

/** Floating-point operations of one step; a multiply-add counts as two. */
export interface Arithmetic {
  readonly forward: number;
  readonly backward: number;
}

/**
 * The products of matrices that a step of a lane asks for. Everything else (norms, activation functions, softmax, random numbers,
 * AdamW) is left out: it is bound by memory, and less than a hundredth of this. With N = batch · tokens rows and layers (out, in):
 *
 *   linear layer        forward 2·N·in·out; backward as much for dx, and as much again for dW where W itself is trained
 *   attention           forward 4·N·tokens·width (scores, mix); backward twice that (dq, dk, dv, and the softmax's gradient);
 *                       scores that are computed again are not counted again
 *   patches, head       as linear layers; pixels have no gradient
 *
 * dx is needed behind the first thing that is trained, and no earlier. What a pair of factors, up (out, R) and down (R, in), adds to a
 * layer depends on the way it is run (`Way` says more). For LoRA, with a = 2·R·in·out and t = 2·N·R·(in + out):
 *
 *   on the activations  forward t; backward 2·t, less 2·N·R·in where no dx is needed
 *   on the weight       forward a; backward 2·N·in·out for dW, and 2·a
 *   by its factors      forward a; backward 2·t
 *
 * A factor that is frozen costs no gradient of its own. A fused merge and its projection, RandLoRA's, are a each, and dW.
 */
export function arithmetic(backbone: Backbone, lane: Lane, batch: number, classes: number): Arithmetic {
  const { model, sites, parameters } = backbone;
  const { tokens, width } = model.image;
  const rows = batch * tokens;
  const total = { forward: 0, backward: 0 };
  const add = (forward: number, backward: number) => {
    total.forward += forward;
    total.backward += backward;
  };
  const siteOf = new Map(sites.map((site) => [`${site.path}.weight`, site]));
  /** Whether anything has been trained so far, on the way from the pixels. */
  let trained = false;
  /** The same, at the input that q, k and v share. */
  let needed = false;
  for (const { name, shape } of parameters) {
    const site = siteOf.get(name);
    const own = lane.own.has(name);
    if (site) {
      if (site.target !== "k" && site.target !== "v") needed = trained;
      const product = 2 * rows * site.in * site.out;
      add(product, product * (Number(needed) + Number(own)));
      const attached = lane.attached(site);
      if (attached && lane.changes(site) && !own) {
        add(...added(attached, site, rows, needed));
        trained = true;
      }
      if (site.target === "out") {
        const scores = 4 * rows * tokens * width;
        add(scores, trained ? 2 * scores : 0);
      }
    } else if (shape.length === 4) {
      const [out, ...inner] = shape as [number, ...number[]];
      const product = 2 * batch * (tokens - 1) * out * inner.reduce((n, side) => n * side, 1);
      add(product, own ? product : 0);
    }
    trained ||= own;
  }
  const head = 2 * batch * width * classes;
  add(head, head * (1 + Number(trained)));
  return total;
}

/** What a method adds to a layer, forward and backward. */
function added(attached: Attached, site: Site, rows: number, needed: boolean): [number, number] {
  const { def, settings, ...tensors } = attached;
  const way = cheaperWay(attached, site, rows, true);
  const whole = way === "weight" ? 2 * rows * site.in * site.out : 0;
  if (way === "weight" && def.merge) {
    const fused = 2 * def.inner(site, settings) * site.in * site.out;
    return [fused, whole + fused];
  }
  let [forward, backward] = [0, whole];
  // Recorded only to see which factors are trained: nothing runs.
  for (const { up, down, middle } of def.factors({ tape: new Tape(true), ...tensors }, site, settings)) {
    const inner = numel(down.shape) / site.in;
    const through = { in: 2 * rows * inner * site.in, out: 2 * rows * inner * site.out };
    const merged = 2 * inner * site.in * site.out;
    const between = middle?.needsGrad ?? false;
    const ups = Number(up.needsGrad);
    const downs = Number(down.needsGrad);
    const either = Number(down.needsGrad || between);
    forward += way === "activations" ? through.in + through.out : merged;
    if (way === "weight") backward += merged * (ups + either);
    else if (way === "factors") backward += (through.in + through.out) * (Number(up.needsGrad || between) + downs);
    else backward += through.in * (Number(needed) + either) + through.out * (Number(needed || either > 0) + ups);
  }
  return [forward, backward];
}

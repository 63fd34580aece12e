/** From images to logits: the linear head that a lane trains, or the class prompts of a dual encoder. */
import type { Values } from "../adapters/adapter.ts";
import { upload } from "../gpu/memory.ts";
import type { Model, Pass } from "../models/model.ts";
import { l2norm } from "../ops/l2norm.ts";
import { matmul } from "../ops/matmul.ts";
import { temperature } from "../ops/temperature.ts";
import { uniform } from "../tensor/random.ts";
import { Tape } from "../tensor/tape.ts";
import { owner, type Tensor, tensor } from "../tensor/tensor.ts";
import type { Backbone } from "./backbone.ts";
import { frozenPass } from "./frozen.ts";
import type { RunConfig } from "./run.ts";

/**
 * What turns images into logits: frozen class embeddings; class prompts that are embedded anew in every step, because the
 * text tower is trained; or a linear layer that every lane trains for itself.
 */
export type Head =
  | { readonly kind: "text"; readonly classes: Tensor }
  | { readonly kind: "prompts"; readonly ids: Tensor; readonly ends: Tensor }
  | { readonly kind: "linear"; readonly classes: number };

/** First values of a linear head, uniform in ±1/√width as PyTorch's nn.Linear; the same in every lane. */
export function headValues(head: Head, width: number, seed: number): Map<string, Values> {
  if (head.kind !== "linear") return new Map();
  const draw = (n: number, stream: number) =>
    Float32Array.from({ length: n }, (_, i) => (2 * uniform(seed, stream, i) - 1) / Math.sqrt(width));
  return new Map([
    [HEAD.weight, { shape: [head.classes, width], data: draw(head.classes * width, 0x68656164) }],
    [HEAD.bias, { shape: [head.classes], data: draw(head.classes, 0x62696173) }],
  ]);
}

/** Names of the linear head's tensors, those of transformers' image classifiers. */
export const HEAD = { weight: "classifier.weight", bias: "classifier.bias" } as const;

/** What turns images into logits in a run. `trainsTexts`: a lane changes the text tower. */
export async function headOf(backbone: Backbone, head: RunConfig["head"], classes: readonly string[], trainsTexts: boolean): Promise<Head> {
  if (head.kind === "linear") return { kind: "linear", classes: classes.length };
  const texts = backbone.encode(prompts(head.template, classes));
  if (!trainsTexts) return { kind: "text", classes: await backbone.embed(texts) };
  const integers = (data: Uint32Array, label: string) => tensor([data.length], { type: "u32", buffer: upload(backbone.gpu, data, label) });
  return { kind: "prompts", ids: integers(texts.ids, "prompts"), ends: integers(texts.ends, "ends of prompts") };
}

/** One text per class. Throws when the template has no place for the class name. */
export function prompts(template: string, classes: readonly string[]): string[] {
  if (!template.includes("{class}")) throw new Error(`The prompt "${template}" does not hold {class}.`);
  return classes.map((name) => template.replaceAll("{class}", name));
}

/** pixels (B, 3, size, size), normalised → logits (B, classes). `trained` gives the linear head's tensors by name. */
export function classify(pass: Pass, model: Model, pixels: Tensor, head: Head, trained: (name: string) => Tensor): Tensor {
  const { tape } = pass;
  const features = pooled(pass, model, pixels, head);
  if (head.kind === "linear") {
    return tape.apply(matmul, { a: features, b: trained(HEAD.weight), bias: trained(HEAD.bias) }, { transB: true });
  }
  const { text } = towers(model);
  const classes = head.kind === "text" ? head.classes : tape.apply(l2norm, { x: text.embedTexts(pass, head.ids, head.ends) }, {});
  return tape.apply(temperature, { x: tape.apply(matmul, { a: features, b: classes }, { transB: true }), scale: text.scale }, {});
}

/** pixels (B, 3, size, size), normalised → what the head compares (B, width): pooled features, or unit embeddings among the classes' own. */
export function pooled(pass: Pass, model: Model, pixels: Tensor, head: Pick<Head, "kind">): Tensor {
  if (head.kind === "linear") return model.image.features(pass, pixels);
  return pass.tape.apply(l2norm, { x: towers(model).text.embedImages(pass, pixels) }, {});
}

function towers({ image, text }: Model): Required<Model> {
  if (!text) throw new Error("This model has no text tower; choose the learned linear head.");
  return { image, text };
}

/** The tensors of the model that turn images into logits; a dual encoder with a linear head leaves some of its own aside. */
export function usedTensors(model: Model, head: "linear" | "text"): ReadonlySet<Tensor> {
  const tape = new Tape(true); // which runs each layer by itself: in a stack its weights would not be seen
  const { size } = model.image;
  const integers = (n: number) => tensor([n], { type: "u32" });
  const sample: Head = head === "linear" ? { kind: "linear", classes: 2 } : { kind: "prompts", ids: integers(4), ends: integers(2) };
  const trained = (name: string) => tensor(name === HEAD.weight ? [2, model.image.width] : [2]);
  classify(frozenPass(tape), model, tensor([1, 3, size, size]), sample, trained);
  return new Set(tape.launches.flatMap(({ buffers }) => Object.values(buffers).map(owner)));
}

/** What the head keeps on the GPU beside the lanes. */
export function headBuffers(head: Head): readonly (GPUBuffer | undefined)[] {
  if (head.kind === "linear") return [];
  return (head.kind === "text" ? [head.classes] : [head.ids, head.ends]).map(({ buffer }) => buffer);
}

/** Probabilities of one image's logits. */
export function softmax(logits: Float32Array): Float32Array {
  const top = Math.max(...logits);
  const weights = logits.map((v) => Math.exp(v - top));
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map((w) => w / total);
}

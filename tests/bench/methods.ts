/**
 * What every method trains and what its export weighs, on CLIP-tiny (class prompts) and on a vision tower of ViT-B/32's size (linear
 * head of 10 classes). Nothing is timed; `npm run bench -- methods=…` does that:
 *   npm run bench -- methods [tiny|base]
 */
import { Kernels } from "../../src/gpu/kernel.ts";
import { openTower } from "../../src/lab/towers.ts";
import { Backbone } from "../../src/train/backbone.ts";
import { adapters, completeSettings, type Targets, targetSites, trainsHeadAlone } from "../../src/train/catalog.ts";
import { exportMerged, exportPeft, peftForm } from "../../src/train/export.ts";
import { headOf, headValues } from "../../src/train/head.ts";
import { Lane } from "../../src/train/lane.ts";
import { ownTensors } from "../../src/train/outline.ts";
import { gpu } from "../gpu.ts";
import { modelFiles } from "../model.ts";

/** The sizes of the paper (§5.3), and for the rest those of their own papers; CLIP-tiny's RandLoRA matches LoRA's count. */
const SIZES: Readonly<Record<"tiny" | "base", Readonly<Record<string, Readonly<Record<string, number>>>>>> = {
  tiny: { randlora: { rank: 2, alpha: 20 } },
  base: { randlora: { rank: 6, alpha: 60 }, lora: { rank: 32, alpha: 64 } },
};
const TARGETS: Targets = { image: ["q", "k", "v", "out", "fc1", "fc2"], text: [] };
const CLASSES = Array.from({ length: 10 }, (_, c) => `class ${c}`);

export default async function methods([which = "tiny"]: string[]): Promise<void> {
  if (which !== "tiny" && which !== "base") throw new Error('The model is "tiny" or "base".');
  const kernels = new Kernels(gpu);
  const backbone = which === "tiny" ? new Backbone(gpu, kernels, modelFiles()) : openTower(gpu, kernels, "clip-b32");
  console.log("| method | trained | export |");
  for (const [id, def] of adapters) {
    const settings = completeSettings(def, SIZES[which][id] ?? {});
    // A probe trains a head: it gets one on CLIP-tiny too.
    const kind = which === "base" || trainsHeadAlone(id) ? "linear" : "text";
    const head = await headOf(backbone, kind === "linear" ? { kind } : { kind, template: "a photo of {class}." }, CLASSES, false);
    const lane = await Lane.open(gpu, kernels, {
      sites: targetSites(backbone.sites, TARGETS),
      config: { method: id, settings, lr: 1e-4 },
      seed: 0,
      own: ownTensors(backbone, TARGETS, kind),
      head: headValues(head, backbone.model.image.width, 0),
    });
    const trained = { backbone, lane, head, classes: CLASSES, baseModel: null };
    const form = peftForm(def, settings);
    const files = form === "none" ? await exportMerged(trained) : await exportPeft(trained, { transformers: 5, perModule: false });
    const bytes = [...files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    const size = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
    const as = { none: " merged", lora: " as LoRA", own: "" }[form];
    console.log(
      `| ${def.title} (${size.join(", ")}) | ${lane.parameters.toLocaleString("en")} | ${(bytes / 2 ** 20).toFixed(1)} MiB${as} |`,
    );
    lane.destroy();
  }
}

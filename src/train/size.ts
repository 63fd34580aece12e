/** How large a lane's file of weights is, from shapes alone: nothing is read from the GPU, nothing written. */
import { NOT_IN_CLASSIFIERS } from "../formats/merged.ts";
import { type Outlined, sizeOfSafetensors } from "../formats/safetensors.ts";
import { numel } from "../tensor/tensor.ts";
import { peftForm } from "./export.ts";
import { HEAD } from "./head.ts";
import { adaptedSites, type Trained } from "./merge.ts";

/** The adapter's file in PEFT's newest form; the whole model's where there is no such form. */
export function sizeOfExport(trained: Trained): { readonly form: "peft" | "merged"; readonly bytes: number } {
  const form = peftForm(trained.lane.def, trained.lane.settings);
  if (form === "none") return { form: "merged", bytes: sizeOfSafetensors(mergedModel(trained)) };
  return { form: "peft", bytes: sizeOfSafetensors(form === "own" ? ownTensors(trained) : loraTensors(trained)) };
}

const rooted = (path: string, part: string): string => `base_model.model.${path}.${part}`;

function headTensors({ lane, head }: Trained): [string, Outlined][] {
  return head.kind === "linear" ? Object.values(HEAD).map((name) => [name, { shape: lane.tensor(name).shape }]) : [];
}

const renamed = ({ backbone }: Trained, path: string): string => backbone.def.renamed?.(path) ?? path;

function ownTensors(trained: Trained): Map<string, Outlined> {
  const { lane } = trained;
  const { peft } = lane.def;
  const sites = adaptedSites(trained);
  const zeros = Object.entries(lane.shared).map(([name, { shape, type }]) => {
    const numbers = numel(shape);
    return [name, { shape, data: type === "u32" ? new Uint32Array(numbers) : new Float32Array(numbers) }] as const;
  });
  const shared = peft?.shared?.write(Object.fromEntries(zeros), lane.settings, sites) ?? new Map<string, Outlined>();
  return new Map<string, Outlined>([
    ...Array.from(shared, ([name, { shape }]): [string, Outlined] => [`base_model.${name}`, { shape }]),
    ...sites.flatMap(({ path }) =>
      Object.entries(peft?.parts ?? {}).map(([name, key]): [string, Outlined] => [
        rooted(renamed(trained, path), key),
        { shape: lane.tensor(`${path}.${name}`).shape },
      ]),
    ),
    ...headTensors(trained).map(([name, tensor]): [string, Outlined] => [`base_model.model.${name}`, tensor]),
  ]);
}

/** The LoRA that it equals: one rank for all layers, the largest that any has. */
function loraTensors(trained: Trained): Map<string, Outlined> {
  const { lane } = trained;
  const sites = adaptedSites(trained);
  const rank = Math.max(0, ...sites.map((site) => lane.def.inner(site, lane.settings)));
  return new Map<string, Outlined>([
    ...sites.flatMap((site): [string, Outlined][] => [
      [rooted(renamed(trained, site.path), "lora_A.weight"), { shape: [rank, site.in] }],
      [rooted(renamed(trained, site.path), "lora_B.weight"), { shape: [site.out, rank] }],
    ]),
    ...headTensors(trained).map(([name, tensor]): [string, Outlined] => [`base_model.model.${name}`, tensor]),
  ]);
}

function mergedModel(trained: Trained): Map<string, Outlined> {
  const { backbone, lane, head } = trained;
  const { entries, prefix } = backbone.checkpoint;
  const removed = [...NOT_IN_CLASSIFIERS, ...(head.kind === "linear" ? (backbone.def.outside ?? []) : [])];
  const isBare = prefix !== "" && ![...entries.keys()].some((name) => name.startsWith(prefix));
  const rounded = backbone.parameters.filter(
    ({ name, shape }) => backbone.tensor(name).type !== "f32" && backbone.checkpoint.entry(name, shape).dtype === "F32",
  );
  const changed = new Set([
    ...lane.own.keys(),
    ...rounded.map(({ name }) => name),
    ...backbone.sites.filter((site) => lane.changes(site)).map(({ path }) => `${path}.weight`),
  ]);
  const tensors = new Map<string, Outlined>();
  for (const [name, { dtype, shape }] of entries) {
    const full = isBare ? prefix + name : name;
    if ([name, full].some((known) => removed.some((pattern) => pattern.test(known)))) continue;
    tensors.set(full, { shape, ...(!changed.has(full) && { dtype }) });
  }
  for (const [name, tensor] of headTensors(trained)) tensors.set(name, tensor);
  return tensors;
}

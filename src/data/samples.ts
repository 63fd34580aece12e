/** Small image sets that come with the page. */

import type { Source } from "./source.ts";

export interface Sample {
  readonly id: string;
  readonly title: string;
  /** Address relative to the page. */
  readonly file: string;
  /** The notice beside it, relative to the page. */
  readonly notice: string;
  /** Folder names in the zip, and the words for them in the class table and in prompts. */
  readonly classes: Readonly<Record<string, string>>;
  readonly count: number;
  readonly licence: string;
  /** Prompt to suggest for zero-shot answers; `{class}` stands for the class name. */
  readonly prompt: string;
}

export const SAMPLES: readonly Sample[] = [
  {
    id: "eurosat-mini",
    title: "Land from space",
    file: "data/eurosat-mini.zip",
    notice: "data/eurosat-mini.NOTICE.txt",
    classes: {
      AnnualCrop: "annual crop",
      Forest: "forest",
      HerbaceousVegetation: "herbaceous vegetation",
      Highway: "highway",
      Industrial: "industrial buildings",
      Pasture: "pasture",
      PermanentCrop: "permanent crop",
      Residential: "residential buildings",
      River: "river",
      SeaLake: "sea or lake",
    },
    count: 600,
    licence: "EuroSAT (Helber, Bischke, Dengel, Borth 2019), MIT. Contains modified Copernicus Sentinel data.",
    prompt: "a satellite photo of {class}.",
  },
  {
    id: "clothing-mini",
    title: "Clothing",
    file: "data/clothing-mini.zip",
    notice: "data/clothing-mini.NOTICE.txt",
    classes: {
      dress: "dress",
      hat: "hat",
      longsleeve: "long-sleeve shirt",
      outwear: "outerwear",
      pants: "pants",
      shirt: "shirt",
      shoes: "shoes",
      shorts: "shorts",
      skirt: "skirt",
      "t-shirt": "t-shirt",
    },
    count: 300,
    licence: "Clothing dataset, small (Alexey Grigorev), CC0 1.0.",
    prompt: "a photo of {class}, a type of clothing.",
  },
];

/**
 * Fetches a sample set, ready for `importImages`. Its licence and readme texts are not counted as left out.
 * @throws Error when it cannot be fetched
 */
export async function openSample(sample: Sample): Promise<Source> {
  const response = await fetch(sample.file);
  if (!response.ok) throw new Error(`The sample set ${sample.title} could not be fetched (HTTP ${response.status}).`);
  const { fromZip } = await import("./zip.ts");
  const source = await fromZip(await response.blob(), `${sample.id}.zip`);
  return {
    ...source,
    name: sample.title,
    files: source.files.map((file) => ({ ...file, className: sample.classes[file.className] ?? file.className })),
    notes: source.notes.filter((note) => note.kind !== "not an image"),
  };
}

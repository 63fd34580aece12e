/** How an export is used in Python, as code that runs as it stands. */

export interface PythonFacts {
  readonly kind: "peft" | "merged" | "onnx";
  readonly base: {
    /** Hub id; undefined for a folder from the user's disk. */
    readonly id?: string;
    readonly revision?: string;
    /** Class of transformers: "ViTForImageClassification", "CLIPModel". */
    readonly architecture: string;
  };
  /** Names of the classes by label. */
  readonly labels: readonly string[];
  /** For a text head: what each class is asked as; holds "{class}". */
  readonly template?: string;
  /** How images were prepared, as in preprocessor_config.json. */
  readonly preprocess: {
    readonly resize: number;
    /** Both edges are resized to that, not the shortest one alone. */
    readonly stretch?: boolean;
    readonly crop: number;
    readonly resample: string;
    readonly mean: readonly number[];
    readonly std: readonly number[];
  };
  /** The generation of transformers whose names of modules a PEFT folder uses; it makes no difference to whole models. */
  readonly generation: 4 | 5;
}

const PEFT = { 4: ">=0.16", 5: ">=0.19" } as const;
const VERSIONS = { 4: ">=4.40,<5", 5: ">=5.14" } as const;

/** Markdown: what to install, the code, and what to watch. */
export function pythonFor(facts: PythonFacts): string {
  const { kind, generation } = facts;
  const torch = `torch "transformers${kind === "peft" ? VERSIONS[generation] : ">=4.40"}"${kind === "peft" ? ` "peft${PEFT[generation]}"` : ""}`;
  return `\`\`\`sh
pip install ${kind === "onnx" ? "onnxruntime" : torch} pillow numpy
\`\`\`

\`\`\`python
${[...imports(facts), "", ...preparation(facts), "", "", ...(kind === "onnx" ? ONNX : withTorch(facts)), "print(LABELS[int(logits.argmax())])"].join("\n")}
\`\`\`

${NOTES[kind](generation)}`;
}

const NOTES: Readonly<Record<PythonFacts["kind"], (generation: 4 | 5) => string>> = {
  peft: (generation) =>
    `The modules are named as transformers ${generation} names them. The other generation names some models otherwise and then loads nothing of the adapter, with no more than a warning: export it again for that one.`,
  merged: () => "The tensors are named as on the Hub, which transformers 4 and 5 both read.",
  onnx: () => "The file needs opset 17; it takes any number of images at once.",
};

/** Strings and lists as JSON writes them are Python's too; what cannot be seen in them is spelt out. */
const literal = (value: string | readonly (string | number)[]): string =>
  JSON.stringify(value).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (char) => `\\U${(char.codePointAt(0) as number).toString(16).padStart(8, "0")}`,
  );

function imports({ kind, template, base }: PythonFacts): string[] {
  const names = [...(template === undefined ? [] : ["AutoTokenizer"]), base.architecture].join(", ");
  return [
    "import numpy as np",
    kind === "onnx" ? "import onnxruntime" : "import torch",
    ...(kind === "peft" ? ["from peft import PeftModel"] : []),
    "from PIL import Image, ImageOps",
    ...(kind === "onnx" ? [] : [`from transformers import ${names}`]),
  ];
}

/** The steps of the page, in Pillow, which it follows to the last bit. */
const preparation = ({ labels, preprocess: { resize, stretch, crop, resample, mean, std } }: PythonFacts): string[] => [
  'FOLDER = "."  # this folder',
  `LABELS = ${literal(labels)}`,
  "",
  "",
  "def prepare(path):",
  '    image = ImageOps.exif_transpose(Image.open(path)).convert("RGBA")',
  '    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")',
  ...(stretch
    ? [`    size = (${resize}, ${resize})`]
    : ["    short = min(image.size)", `    size = (int(${resize} * image.width / short), int(${resize} * image.height / short))`]),
  `    image = image.resize(size, Image.Resampling.${resample.toUpperCase()})`,
  `    left, top = (image.width - ${crop}) // 2, (image.height - ${crop}) // 2`,
  `    image = image.crop((left, top, left + ${crop}, top + ${crop}))`,
  "    pixels = np.asarray(image, dtype=np.float32) / 255",
  `    pixels = (pixels - np.array(${literal(mean)}, np.float32)) / np.array(${literal(std)}, np.float32)`,
  "    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])",
];

const ONNX = [
  'session = onnxruntime.InferenceSession(f"{FOLDER}/model.onnx")',
  'logits = session.run(None, {session.get_inputs()[0].name: prepare("image.jpg")})[0][0]',
];

function withTorch({ kind, base, template }: PythonFacts): string[] {
  const revision = base.revision ? `, revision=${literal(base.revision)}` : "";
  const from = base.id ? `${literal(base.id)}${revision}` : '"path/to/the/base/model"';
  const head = template === undefined ? ", num_labels=len(LABELS), ignore_mismatched_sizes=True" : "";
  return [
    `model = ${base.architecture}.from_pretrained(${kind === "peft" ? from + head : "FOLDER"})`,
    ...(kind === "peft" ? ["model = PeftModel.from_pretrained(model, FOLDER)"] : []),
    "model.eval()",
    'pixels = torch.from_numpy(prepare("image.jpg"))',
    ...(template === undefined
      ? ["with torch.no_grad():", `    logits = model(pixel_values=pixels).logits[0]`]
      : [
          `tokenizer = AutoTokenizer.from_pretrained(${kind === "peft" ? from : "FOLDER"})`,
          `texts = [${literal(template)}.replace("{class}", label) for label in LABELS]`,
          'tokens = tokenizer(texts, padding=True, return_tensors="pt")',
          "with torch.no_grad():",
          `    logits = model(pixel_values=pixels, **tokens).logits_per_image[0]`,
        ]),
  ];
}

/** The model card that goes with an export: README.md as the Hub reads it, YAML front matter and Markdown. */
import type { JsonObject } from "./json.ts";
import { type PythonFacts, pythonFor } from "./python.ts";

export interface CardFacts extends PythonFacts {
  /** "RandLoRA on DINOv2-small" */
  readonly title: string;
  /** What the base's config or card states: an identifier such as "apache-2.0", or words. Undefined where neither states one. */
  readonly licence?: string;
  readonly method: { readonly title: string; readonly paper: string };
  /** How a method that PEFT lacks was written, in one sentence. */
  readonly form?: string;
  readonly dataset: {
    readonly name: string;
    /** In the order of their labels, which is that of `labels`. */
    readonly classes: readonly { readonly train: number; readonly validation: number; readonly test: number }[];
    /** That chose who is trained on and who validates. */
    readonly seed: number;
  };
  /** The run, as the page would run it again. */
  readonly config: JsonObject;
  /** On the test images, or where there are none on those for validation, with the weights as exported, after `step` steps; undefined when there are none. `interval` is Wilson's of 95 %, in 0 … 1. */
  readonly result?: {
    readonly step: number;
    readonly correct: number;
    readonly part: "validation" | "test";
    readonly images: number;
    readonly loss: number;
    readonly interval: readonly [number, number];
  };
  /** Trained numbers of the method, of the head (0 without one), and all numbers of the base. */
  readonly parameters: { readonly method: number; readonly head: number; readonly base: number };
}

/** README.md of the export. Names that came from files are quoted so that they can be neither markup nor YAML. */
export function writeCard(facts: CardFacts): string {
  const { title, licence, method, form, base, dataset, result, parameters, config, labels } = facts;
  const n = dataset.classes.reduce(
    (sum, { train, validation, test }) => ({
      train: sum.train + train,
      validation: sum.validation + validation,
      test: sum.test + test,
    }),
    { train: 0, validation: 0, test: 0 },
  );
  const baseName = base.id ? link(base.id, base.revision) : "a local folder";
  return `${frontMatter(facts)}
# ${plain(title)}

An image classifier with ${count(labels.length, "class", "classes")}: ${baseName}, fine-tuned in a browser with ${plain(method.title)} (${plain(method.paper)}).
${WHAT[facts.kind]}${form ? ` ${plain(form)}` : ""}

Licence of the base model: ${plain(licence ?? UNKNOWN)}. Whether that lets you share what is made from it is for you to judge, and likewise for the images.

## Data

${plain(dataset.name)}: ${count(n.train, "image was", "images were")} trained on, ${n.validation} used for validation (chosen by seed ${dataset.seed}), ${n.test} kept for the test.

| label | class | trained on | validation | test |
| --: | :-- | --: | --: | --: |
${dataset.classes.map(({ train, validation, test }, i) => `| ${i} | ${plain(labels[i] ?? "")} | ${train} | ${validation} | ${test} |`).join("\n")}

## Result

${result ? resultText(result) : "No images were held out, so no accuracy was measured."}

Not measured: accuracy on any other data, on groups of people or conditions that these images leave out, calibration, robustness, and the
use of energy. ${result?.part === "validation" ? "The images were looked at during training, so the accuracy is that of a validation set, not of a test set." : ""}

## Size

| | numbers |
| :-- | --: |
| trained by ${plain(method.title)} | ${parameters.method} |
| trained in the head | ${parameters.head} |
| in the base model | ${parameters.base} |

## Use in Python

${pythonFor(facts)}

## The run

\`\`\`json
${JSON.stringify(config, null, 2).replace(HIDDEN, (char) => (char === "\n" ? char : escaped(char)))}
\`\`\`
`;
}

const UNKNOWN = "unknown, see the base model";
const WHAT: Readonly<Record<CardFacts["kind"], string>> = {
  peft: "This folder holds the trained adapter alone, as PEFT reads it; the base model is loaded beside it.",
  merged: "This folder holds the whole model with the update merged into its weights, as transformers reads it.",
  onnx: "This folder holds the whole model with the update merged into its weights, as ONNX.",
};

function frontMatter({ kind, base, licence, method }: CardFacts): string {
  // The Hub takes identifiers; anything else is "other" with a name.
  const isIdentifier = licence !== undefined && /^[a-z\d][a-z\d.-]*$/.test(licence);
  const lines = [
    `library_name: ${kind === "peft" ? "peft" : kind === "onnx" ? "onnx" : "transformers"}`,
    ...(base.id ? [`base_model: ${quoted(base.id)}`, `base_model_relation: ${kind === "peft" ? "adapter" : "finetune"}`] : []),
    ...(isIdentifier
      ? [`license: ${quoted(licence)}`]
      : licence
        ? ["license: other", `license_name: ${quoted(licence)}`]
        : ["license: unknown"]),
    "pipeline_tag: image-classification",
    "tags:",
    "- image-classification",
    "- fullrank",
    `- ${quoted(method.title.toLowerCase())}`,
  ];
  return `---\n${lines.join("\n")}\n---\n`;
}

function resultText({ step, correct, images, loss, interval: [low, high] }: NonNullable<CardFacts["result"]>): string {
  return `After ${count(step, "step", "steps")}: ${correct} of ${count(images, "held-out image", "held-out images")} right: ${percent(correct / images)} (95 % interval by Wilson: ${percent(low)} to ${percent(high)}); loss ${loss.toPrecision(4)}.`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
const link = (id: string, revision?: string): string =>
  `[${plain(id)}](https://huggingface.co/${encodeURI(id).replace(/[()]/g, encodeURIComponent)})${revision ? ` at revision ${plain(revision)}` : ""}`;

/** Control characters, and those that turn the direction of writing: in a name they only deceive. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const clean = (text: string): string => text.replace(HIDDEN, " ").trim();

/** As JSON writes what cannot be seen. */
const escaped = (char: string): string =>
  Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`).join("");

/** A YAML string: JSON's strings are YAML's, once nothing unprintable is left in them. */
const quoted = (text: string): string => JSON.stringify(clean(text));

/**
 * Text that Markdown shows as it stands: every ASCII punctuation mark may have a backslash before it (CommonMark § 2.4), and then marks
 * nothing. A point between letters would make a link of "www.…".
 */
const plain = (text: string): string =>
  clean(text)
    .replace(/\s+/g, " ")
    .replace(/[!-/:-@[-`{-~]/g, (mark) => (/[,.'%()/-]/.test(mark) ? mark : `\\${mark}`))
    .replace(/\.(?=[^\s\d])|(?<!\d)\.(?=\d)/g, "\\.");

/**
 * Which images of the EuroSAT sample train and which measure, with the class names of the prompts, as JSON:
 *   npm run -s bench -- split > split.json
 * tests/bench/reference.py trains PyTorch and PEFT on the same split.
 */
import { readFileSync } from "node:fs";
import { SAMPLES } from "../../src/data/samples.ts";
import { splitDataset } from "../../src/data/split.ts";
import { fromZip } from "../../src/data/zip.ts";

export default async function printSplit(): Promise<void> {
  const sample = SAMPLES[0];
  if (!sample) throw new Error("there is no sample");
  const source = await fromZip(new Blob([readFileSync(`public/${sample.file}`)]), sample.file);
  const entries = source.files.filter(({ className }) => className in sample.classes);
  const classes = Object.entries(sample.classes);
  const dataset = {
    classes: classes.map(([, words]) => words),
    labels: Uint32Array.from(entries, ({ className }) => classes.findIndex(([folder]) => folder === className)),
    sources: entries.map(({ path }) => path),
  };
  const { train, validation } = splitDataset(dataset, { validation: 0.2, test: 0, amount: "all", seed: 0 });
  const files = (indices: Uint32Array) => Array.from(indices, (i) => ({ file: dataset.sources[i], label: dataset.labels[i] }));
  console.log(JSON.stringify({ prompt: sample.prompt, classes: dataset.classes, train: files(train), validation: files(validation) }));
}

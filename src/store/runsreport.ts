/** A run as one page that needs nothing beside it: no script, no picture, no font from anywhere. All text is escaped. */
import type { Judgement } from "../analysis/judge.ts";
import { findMethod } from "./methods.ts";
import { hasDiverged, hitsIn, type RunRecord } from "./record.ts";
import { counted } from "./study.ts";
import { figuresOf } from "./studyfigures.ts";
import { headlineOf, verdictsOf } from "./verdict.ts";

export interface ReportParts {
  readonly record: RunRecord;
  readonly judgement: Judgement | null;
  /** Of the lanes, as the page calls them. */
  readonly names: readonly string[];
  /** SVG texts that the page has drawn, with their captions. */
  readonly charts: readonly { readonly title: string; readonly finding: string; readonly svg: string }[];
  /** Address of the page, without a hash. */
  readonly page: string;
}

export function escapeHtml(text: string): string {
  const marks: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (mark) => marks[mark] ?? mark);
}

/** Markup whose values are escaped; what is markup already is given as `Html`. */
class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}
type Value = string | number | Html | readonly Html[];

function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  const write = (value: Value): string => {
    if (value instanceof Html) return value.text;
    return typeof value === "object" ? value.map(({ text }) => text).join("") : escapeHtml(String(value));
  };
  return new Html(parts.reduce((text, part, i) => text + part + (i < values.length ? write(values[i] as Value) : ""), ""));
}

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1c1f;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;display:block;overflow-x:auto}th,td{padding:.25rem .75rem;border-bottom:1px solid #dfdfda;text-align:right;font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}h1{font-size:28px}h2{font-size:20px;margin-top:2rem}figure{margin:1rem 0}svg{max-width:100%;height:auto}figcaption,.hint{color:#4d5157}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem}dd{margin:0;overflow-wrap:anywhere}`;

export function reportOf({ record, judgement, names, charts, page }: ReportParts): string {
  const { name, date, config, data, seeds, results, device, address, tested } = record;
  const whole = counted(record);
  const part = tested?.part ?? "test";
  const link = `${page}${address ? `#${address}` : ""}`;
  const facts: [string, Value][] = [
    ["Date", date],
    [
      "Images",
      `${data.name}: ${sum(data.counts, "train")} to train on, ${sum(data.counts, "validation")} validation, ${sum(data.counts, "test")} test`,
    ],
    ["Digest of the set", data.digest],
    ["Model", config.model],
    ["Classifier", config.head.kind === "text" ? `class names in “${config.head.template}”` : "a linear layer"],
    ["Adapted layers", typeof config.targets.image === "string" ? config.targets.image : config.targets.image.join(", ")],
    ["Steps, batch", `${config.steps}, ${config.batch}`],
    ["Warm-up, weight decay", `${config.warmup}, ${config.weightDecay}`],
    ["Clipping, label smoothing", `${config.clip}, ${config.labelSmoothing}`],
    ["Training images", config.amount],
    ["Seeds", `${results.map(({ seed, stopped }) => `${seed}${stopped ? " (stopped)" : ""}`).join(", ")} of ${seeds.join(", ")}`],
    ["Device", `${device.gpu}${device.software ? " (software)" : ""}`],
    ["Browser", device.browser],
    ["Format", `${record.format} ${record.version}`],
    ["The same again", html`<a href="${link}">${link}</a>`],
  ];
  const verdicts = judgement ? verdictsOf(judgement, names, part) : [];
  const headline = judgement && headlineOf(judgement, names);
  const body = html`<h1>${name}</h1>
<h2>Result</h2>
${resultTable(record, judgement, names)}
${headline ? html`<p><b>${headline}</b></p>` : ""}
${verdicts.map(({ statement, why }) => html`<p>${statement} <span class="hint">${why}</span></p>\n`)}
${charts.map(({ title, finding, svg }) => html`<figure><h2>${title}</h2>${new Html(svg)}<figcaption>${finding}</figcaption></figure>\n`)}
<h2>Class by class</h2>
<p class="hint">Share of each class's ${part} images that was right, mean over the seeds.</p>
${classTable(record, names)}
<h2>Settings</h2>
<dl>${facts.map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>\n`)}</dl>
${laneTable(record, names)}
<h2>How it was measured</h2>
<p>All methods saw the same batches under each seed. ${whole.length > 1 ? "The test images are the same for all seeds. " : ""}Accuracy intervals are 95 % bootstrap percentiles of 4,000 resamples: of images, and where there are several seeds of seeds as well. Two methods are compared on the same images: with one seed by McNemar's exact test; with several by the greater p value of an exact sign-flip test over images and a t test with images and seeds as crossed random effects; with three methods and more, p values are corrected after Holm.</p>`;
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${name}</title><style>${new Html(STYLE)}</style></head>
<body>
${body}
</body></html>
`.text;
}

function sum(counts: RunRecord["data"]["counts"], part: "train" | "validation" | "test"): number {
  return counts.reduce((total, count) => total + count[part], 0);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): Html {
  return html`<table><thead><tr>${head.map((cell) => html`<th>${cell}</th>`)}</tr></thead><tbody>${rows.map(
    (row) => html`<tr>${row.map((cell, i) => (i === 0 ? html`<th scope="row">${cell}</th>` : html`<td>${cell}</td>`))}</tr>\n`,
  )}</tbody></table>`;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function resultTable(record: RunRecord, judgement: Judgement | null, names: readonly string[]): Html {
  const figures = figuresOf(counted(record), record.lanes);
  const write = (value: number | null | undefined, digits: number): string =>
    value === null || value === undefined ? "–" : value.toFixed(digits);
  return table(
    [
      "Method",
      "Accuracy",
      "95 % interval",
      "Balanced",
      "Loss",
      "Effective rank",
      "Trained",
      "Exported bytes",
      "ms/step",
      "Memory bytes",
      "",
    ],
    figures.map(({ loss, effectiveRank, parameters, exported, msPerStep, memory, diverged }, lane) => {
      const judged = judgement?.lanes[lane];
      return [
        names[lane] ?? "",
        judged ? percent(judged.accuracy) : "–",
        judged ? `${percent(judged.low)} to ${percent(judged.high)}` : "–",
        judged ? percent(judged.balanced) : "–",
        write(loss, 3),
        write(effectiveRank, 1),
        String(parameters ?? "–"),
        exported ? `${exported.bytes}${exported.form === "merged" ? " (merged)" : ""}` : "–",
        write(msPerStep, 2),
        memory ? String(memory.trainable + memory.optimizer + memory.frozen) : "–",
        diverged.map(({ seed, step }) => `diverged at step ${step}, seed ${seed}`).join("; "),
      ];
    }),
  );
}

function laneTable({ config }: RunRecord, names: readonly string[]): Html {
  return table(
    ["Lane", "Method", "Settings", "Learning rate"],
    config.lanes.map(({ method, settings, lr, adapter }, lane) => [
      names[lane] ?? "",
      findMethod(method)?.title ?? method,
      [...Object.entries(settings).map(([name, value]) => `${name} ${value}`), ...(adapter ? [`from ${adapter}`] : [])].join(", "),
      String(lr),
    ]),
  );
}

/** Recall of every class, by lane; null without a result. */
export function recallsOf(
  record: RunRecord,
): readonly { readonly name: string; readonly images: number; readonly lanes: readonly (number | null)[] }[] {
  const { tested, data, config } = record;
  if (!tested) return [];
  const hits = config.lanes.map((_, lane) =>
    counted(record).flatMap(({ lanes }) => {
      const one = lanes[lane];
      return one && !hasDiverged(one) && one.score?.answers.predicted.length === tested.labels.length
        ? [hitsIn(one.score.answers, tested)]
        : [];
    }),
  );
  return data.classes.map((name, label) => {
    const images = [...tested.labels.keys()].filter((image) => tested.labels[image] === label);
    const lanes = hits.map((seeds) => {
      const right = seeds.reduce((total, own) => total + images.reduce((inner, image) => inner + (own[image] ?? 0), 0), 0);
      return images.length > 0 && seeds.length > 0 ? right / (images.length * seeds.length) : null;
    });
    return { name, images: images.length, lanes };
  });
}

function classTable(record: RunRecord, names: readonly string[]): Html {
  return table(
    ["Class", "Images", ...names],
    recallsOf(record).map(({ name, images, lanes }) => [
      name,
      String(images),
      ...lanes.map((recall) => (recall === null ? "–" : percent(recall))),
    ]),
  );
}

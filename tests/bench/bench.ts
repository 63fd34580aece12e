/**
 * The whole bench: device, ceilings, kernels, training steps and their profiles, as tables and as JSON:
 *   npm run bench -- [KEY=VALUE …]             in Node
 *   npm run bench -- --browser [KEY=VALUE …]   on the lab's page, in the browser of tests/browser/harness.mjs
 * KEY=VALUE is as in the lab's address: models=clip-b32,vit-ti16,clip-tiny,toy methods=lora,lora+randlora batch=64 verify=1 profile=0;
 * a "+" puts two lanes into one race. json=FILE says where the JSON goes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { create, globals } from "webgpu";
import { openGpu } from "../../src/gpu/device.ts";
import { type Order, readOrder, usual } from "../../src/lab/order.ts";
import { asText, type Report } from "../../src/lab/report.ts";
import { runLab } from "../../src/lab/run.ts";
import { adapters } from "../../src/train/catalog.ts";
import { startApp } from "../browser/app.ts";
import { runLabPage } from "./lab.mjs";

export default async function bench(args: string[]): Promise<void> {
  const settings = args.filter((arg) => !arg.startsWith("--") && !arg.startsWith("json="));
  const file = args.find((arg) => arg.startsWith("json="))?.slice("json=".length) ?? ".cache/bench.json";
  const report = args.includes("--browser") ? await inBrowser(settings.join("&")) : await inNode(settings.join("&"));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
  console.log(`${asText(report)}\n\n${file}`);
}

async function inNode(address: string): Promise<Report> {
  // Dawn dies with its instance, and nothing else refers to it: a global is what neither the collector nor a bundler removes.
  const instance = create([]);
  Object.assign(globalThis, globals, { dawn: instance });
  const open = () => openGpu(instance);
  const { software, close } = await open();
  close();
  // The tests verify the kernels already.
  const all: Order = { ...usual(software), verify: false, ...(!software && { models: ["clip-tiny", "vit-ti16", "clip-b32"] }) };
  const { order, problems } = readOrder(address, all, (id) => adapters.has(id));
  if (problems.length > 0) throw new Error(problems.join(" "));
  if (software) console.log("This adapter computes on the processor: toy sizes, unless models= says otherwise.");
  let last = "";
  return runLab(open, `Node.js/${process.versions.node}`, order, (what, done) => {
    const name = what.split(":")[0] as string;
    if (name !== last) console.error(`${Math.round(100 * done)} % ${name}`);
    last = name;
  });
}

async function inBrowser(address: string): Promise<Report> {
  const app = await startApp();
  try {
    const { json } = await runLabPage(app.url, address, (line) => console.error(line));
    return JSON.parse(json) as Report;
  } finally {
    app.close();
  }
}

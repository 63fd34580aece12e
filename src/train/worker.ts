/** The training worker: fetches the model, runs one session at a time, and answers predictions. */
import { type Gpu, openGpu } from "../gpu/device.ts";
import type { ModelFiles } from "./backbone.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";
import type { Race } from "./race.ts";
import { faultOf, runSession } from "./session.ts";
import { Controls } from "./trainer.ts";

const post = (message: FromWorker) => self.postMessage(message);

interface Current {
  readonly controls: Controls;
  gpu?: Gpu;
  race?: Race;
}
let current: Current | undefined;

async function start({ config, dataset, paused, models }: Extract<ToWorker, { type: "start" }>): Promise<void> {
  release();
  const mine: Current = { controls: new Controls(paused) };
  current = mine;
  try {
    post({ type: "event", event: { type: "status", text: "Looking for the GPU" } });
    const gpu = await openGpu(navigator.gpu);
    mine.gpu = gpu;
    const { files, preprocess } = await fetchModel(`${models}${config.model}/`, (progress) =>
      post({ type: "event", event: { type: "status", text: "Loading the model", progress } }),
    );
    for await (const event of runSession(gpu, { config, dataset, files, preprocess }, mine.controls, (race) => (mine.race = race))) {
      if (current !== mine) return;
      post({ type: "event", event });
    }
  } catch (error) {
    const cause = await firstCause(mine.gpu, error);
    if (current === mine) post({ type: "event", event: { type: "failed", fault: faultOf(cause) } });
  }
}

/** A lost device makes every promise on it fail, each with a text of its own; what is worth telling is the loss. */
async function firstCause(gpu: Gpu | undefined, error: unknown): Promise<unknown> {
  const moment = new Promise<unknown>((resolve) => setTimeout(() => resolve(error), 100));
  return gpu ? Promise.race([gpu.fault, moment]).catch((fault: unknown) => fault) : error;
}

/** Frees the GPU; the results that the page has stay with it. */
function release(): void {
  current?.controls.stop();
  current?.gpu?.close();
  current = undefined;
}

async function fetchModel(folder: string, onProgress: (share: number) => void): Promise<{ files: ModelFiles; preprocess: unknown }> {
  const get = async (file: string): Promise<Response> => {
    const response = await fetch(folder + file);
    if (!response.ok) throw new Error(`The model's ${file} could not be loaded (${response.status} ${response.statusText}).`);
    return response;
  };
  const bytes = async (file: string) => new Uint8Array(await (await get(file)).arrayBuffer());
  const json = async (file: string) => (await (await get(file)).json()) as object;
  const [config, weights, preprocess, tokenizer, tokenizerConfig] = await Promise.all([
    bytes("config.json"),
    get("model.safetensors").then((response) => readAll(response, onProgress)),
    json("preprocessor_config.json"),
    json("tokenizer.json"),
    json("tokenizer_config.json"),
  ]);
  return { files: { config, weights, tokenizer: { tokenizer, config: tokenizerConfig } }, preprocess };
}

async function readAll(response: Response, onProgress: (share: number) => void): Promise<Uint8Array> {
  const size = Number(response.headers.get("content-length"));
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array(await response.arrayBuffer());
  const parts: Uint8Array[] = [];
  let received = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    received += value.length;
    if (size) onProgress(Math.min(1, received / size));
  }
  const all = new Uint8Array(received);
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.type) {
    case "start":
      void start(data);
      return;
    case "pause":
      return current?.controls.pause();
    case "resume":
      return current?.controls.resume();
    case "step":
      return current?.controls.step();
    case "stop":
      return current?.controls.stop();
    case "reset":
      return release();
    case "predict":
      void current?.race?.predict(data.pixels).then(
        (prediction) => post({ type: "prediction", id: data.id, prediction }),
        (error: unknown) => post({ type: "event", event: { type: "failed", fault: faultOf(error) } }),
      );
      return;
  }
};

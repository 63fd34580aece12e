/** The training worker: fetches models, runs one session at a time, answers predictions, reads adapters and writes exports. */
import { type Gpu, openGpu } from "../gpu/device.ts";
import { keepChoices, recallChoices } from "./choices.ts";
import { Controls } from "./controls.ts";
import { faultOf } from "./fault.ts";
import type { Hold, Origin } from "./handover.ts";
import { InputError } from "./input.ts";
import type { Looker } from "./look.ts";
import { fetchModel, inspectModel, openModel } from "./open.ts";
import type { PaperDesk } from "./paper.ts";
import type { FromWorker, PaperQuestion, ToWorker } from "./protocol.ts";
import type { Race } from "./race.ts";

// What trains and what writes files is fetched when it is asked for: looking a model up, at the page's opening, needs little.
const session = () => import("./session.ts");
const handover = () => import("./handover.ts");

const post = (message: FromWorker, transfer: Transferable[] = []) => self.postMessage(message, { transfer });

interface Current {
  readonly controls: Controls;
  gpu?: Gpu;
  race?: Race;
  /** What the race was opened from; its exports need it. */
  origin?: Origin;
  /** Where analyses of the race are asked for. */
  desk?: PaperDesk;
}
let current: Current | undefined;
let looker: Promise<Looker> | undefined;
const downloads = new Map<number, AbortController>();

async function start({ config, dataset, paused, sources, adapters }: Extract<ToWorker, { type: "start" }>): Promise<void> {
  release();
  const mine: Current = { controls: new Controls(paused) };
  current = mine;
  try {
    post({ type: "event", event: { type: "status", text: "Looking for the GPU" } });
    const [gpu, { runSession }, { PaperDesk }] = await Promise.all([openGpu(navigator.gpu), session(), import("./paper.ts")]);
    mine.gpu = gpu;
    await recallChoices(gpu);
    const { files, licence } = await openModel(config.model, sources, (done, all) =>
      post({ type: "event", event: { type: "status", text: "Loading the model", progress: done / all } }),
    );
    const { preprocess } = files;
    mine.origin = { config, dataset, preprocess, licence, tokenizer: files.tokenizer };
    const onRace = (race: Race): void => {
      mine.race = race;
      mine.desk = new PaperDesk(race);
      if (gpu.tuned.size > 0) void keepChoices(gpu);
    };
    for await (const event of runSession(gpu, { config, dataset, files, preprocess, adapters }, mine.controls, onRace)) {
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
  current?.desk?.close();
  current?.gpu?.close();
  current = undefined;
}

/** Posts what `work` gives, or why it gives nothing. */
async function answer(id: number, work: () => Promise<FromWorker> | FromWorker): Promise<void> {
  try {
    const message = await work();
    post(message, message.type === "exported" ? Array.from(message.files.values(), ({ buffer }) => buffer) : []);
  } catch (error) {
    post({ type: "refused", id, fault: faultOf(await firstCause(current?.gpu, error)) });
  }
}

async function download({ id, model, sources }: Extract<ToWorker, { type: "fetch" }>): Promise<FromWorker> {
  const controller = new AbortController();
  downloads.set(id, controller);
  try {
    let all = 0;
    await fetchModel(
      model,
      (done, total, file) => {
        all = total;
        post({ type: "fetched", id, done, all: total, file });
      },
      controller.signal,
    );
    const { present } = await inspectModel(model, sources);
    return { type: "fetched", id, done: Math.max(all, present), all: Math.max(all, present), file: "" };
  } finally {
    downloads.delete(id);
  }
}

/** Posts all parts of an analysis but the last, which is its answer. */
async function analyse(question: PaperQuestion): Promise<FromWorker> {
  const { desk } = current ?? {};
  if (!desk) throw new InputError("There is no run to look into.", "Train first.");
  for await (const part of desk.answer(question)) {
    if (!("more" in part && part.more)) return part;
    post(part);
  }
  throw new InputError("The analysis was stopped.", "Start it again.");
}

async function handOver(order: Extract<ToWorker, { type: "export" }>): Promise<FromWorker> {
  const mine = current;
  const hold: Hold = (work) => (mine ? mine.controls.hold(work) : work());
  const { exportRun } = await handover();
  return { type: "exported", id: order.id, ...(await exportRun(mine?.race, mine?.origin, order, hold)) };
}

/** What `work` reads of the race, all of one moment. Throws InputError when there is none. */
function ofRace<T>(work: (race: Race) => Promise<T>): Promise<T> {
  const { race, controls } = current ?? {};
  if (!race || !controls) throw new InputError("There is no run to ask.", "Train, then ask again.");
  return controls.hold(() => work(race));
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
    case "attention":
      void answer(data.id, () =>
        ofRace(async (race) => ({
          type: "attention",
          id: data.id,
          step: race.steps,
          maps: await (await import("./attention.ts")).attentionMaps(race, data.pixels),
        })),
      );
      return;
    case "embed":
      void answer(data.id, () =>
        ofRace(async (race) => ({
          type: "embeddings",
          id: data.id,
          step: race.steps,
          embeddings: await (await import("./embedding.ts")).embeddings(race, data.images),
        })),
      );
      return;
    case "look":
      looker ??= import("./look.ts").then(({ Looker }) => new Looker());
      void answer(data.id, async () => ({ type: "seen", id: data.id, images: (await (await looker)?.look(data.look)) ?? [] }));
      return;
    case "inspect":
      void answer(data.id, async () => ({ type: "model", id: data.id, found: await inspectModel(data.model, data.sources) }));
      return;
    case "fetch":
      void answer(data.id, () => download(data));
      return;
    case "cancel":
      current?.desk?.cancel(data.id);
      return downloads.get(data.id)?.abort();
    case "adapter":
      void answer(data.id, async () => {
        const { inspectAdapter } = await session();
        return { type: "adapter", id: data.id, facts: inspectAdapter(data.files, data.config) };
      });
      return;
    case "overlap":
    case "likeness":
    case "plane":
    case "heights":
      void answer(data.id, () => analyse(data));
      return;
    case "export":
      void answer(data.id, () => handOver(data));
      return;
  }
};

/** Choosing a model: what it costs the images that are there, and doing it. */
import { parsePreprocess } from "../data/preprocess.ts";
import type { ModelFacts } from "../train/protocol.ts";
import { recheckAdapters } from "./adopted.ts";
import { clearImages, loadSample, prepareImages, useImages } from "./images.ts";
import { factsOf, samePixels, useModels } from "./models.ts";
import { useSetup } from "./setup.ts";

/** "reload": a sample set is fetched again. "prepare": the kept files are prepared again. "lose": the images must be dropped again. */
export type Cost = "none" | "reload" | "prepare" | "lose";

/** Throws, naming the field, when the model's way of preparing images is not built here. */
export function costOf({ preprocess }: ModelFacts): Cost {
  const { dataset, prepared } = useImages.getState();
  const wanted = parsePreprocess(preprocess);
  if (!dataset || (prepared && samePixels(prepared, wanted))) return "none";
  if (dataset.files) return "prepare";
  return useSetup.getState().sample === null ? "lose" : "reload";
}

/** Makes it the model of the next run, whatever that costs. */
export function chooseModel(facts: ModelFacts): void {
  const { config, setModel } = useSetup.getState();
  const had = useModels.getState().known.get(config.model) ?? facts;
  if (costOf(facts) === "lose") clearImages();
  if (config.model === facts.model) void fitImages(facts);
  else setModel(facts.model, facts, had);
}

/** Brings the images that are there after the model that is chosen, where that loses none. */
export async function fitImages(facts?: ModelFacts): Promise<void> {
  const { sample, config } = useSetup.getState();
  const chosen = facts ?? (await factsOf(config.model));
  const cost = costOf(chosen);
  if (cost === "reload" && sample !== null) await loadSample(sample);
  if (cost === "prepare") await prepareImages(parsePreprocess(chosen.preprocess));
}

/** Looks the chosen model up, now and whenever it changes, and brings the images and the imported adapters after it. */
export function followModel(): () => void {
  const look = async (model: string): Promise<void> => {
    const facts = await factsOf(model).catch(() => undefined);
    const { config, setModel } = useSetup.getState();
    if (!facts || config.model !== model) return;
    // What a link leaves open is pinned, and what its model cannot do is put right.
    const impossible = !facts.text && config.head.kind === "text";
    if (facts.model !== model || impossible) setModel(facts.model, facts, { text: true });
    if (facts.model !== model) return;
    useSetup.getState().fitLanes();
    await Promise.all([recheckAdapters(), fitImages(facts)]);
  };
  void look(useSetup.getState().config.model);
  return useSetup.subscribe(({ config: { model } }, before) => {
    if (model !== before.config.model) void look(model);
  });
}

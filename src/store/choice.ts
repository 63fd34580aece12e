/** Choosing a model: what it costs the images that are there, and doing it. */
import { parsePreprocess } from "../data/preprocess.ts";
import type { ModelFacts } from "../train/protocol.ts";
import { recheckAdapters } from "./adopted.ts";
import { clearImages, loadSample, useImages } from "./images.ts";
import { factsOf, samePixels, useModels } from "./models.ts";
import { useSetup } from "./setup.ts";

/** "reload": a sample set is prepared again. "lose": someone's own images must be dropped again. */
export type Cost = "none" | "reload" | "lose";

/** Throws, naming the field, when the model's way of preparing images is not built here. */
export function costOf({ preprocess }: ModelFacts): Cost {
  const { dataset, prepared } = useImages.getState();
  const wanted = parsePreprocess(preprocess);
  if (!dataset || (prepared && samePixels(prepared, wanted))) return "none";
  return useSetup.getState().sample === null ? "lose" : "reload";
}

/** Makes it the model of the next run, whatever that costs. */
export function chooseModel(facts: ModelFacts): void {
  const cost = costOf(facts);
  const { config, setModel } = useSetup.getState();
  const had = useModels.getState().known.get(config.model) ?? facts;
  if (cost === "lose") clearImages();
  setModel(facts.model, facts, had);
}

/** Looks the chosen model up, now and whenever it changes, and brings the sample set and the imported adapters after it. */
export function followModel(): () => void {
  const look = async (model: string): Promise<void> => {
    const facts = await factsOf(model).catch(() => undefined);
    const { config, sample, setModel } = useSetup.getState();
    if (!facts || config.model !== model) return;
    // What a link leaves open is pinned, and what its model cannot do is put right.
    const impossible = !facts.text && config.head.kind === "text";
    if (facts.model !== model || impossible) setModel(facts.model, facts, { text: true });
    if (facts.model !== model) return;
    const reload = sample !== null && useImages.getState().dataset !== null && costOf(facts) === "reload";
    await Promise.all([recheckAdapters(), reload ? loadSample(sample) : undefined]);
  };
  void look(useSetup.getState().config.model);
  return useSetup.subscribe(({ config: { model } }, before) => {
    if (model !== before.config.model) void look(model);
  });
}

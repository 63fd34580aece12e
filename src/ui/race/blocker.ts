/** What stands between the settings on the page and a race. */
import { parsePreprocess } from "../../data/preprocess.ts";
import { useAdopted } from "../../store/adopted.ts";
import { useImages } from "../../store/images.ts";
import { useModels } from "../../store/models.ts";
import { whyNot } from "../../store/ready.ts";
import { useSetup } from "../../store/setup.ts";

/** In one sentence; null where nothing does. */
export function useBlocker(): string | null {
  const { dataset, prepared } = useImages();
  const { config, seeds } = useSetup();
  const facts = useModels(({ known }) => known.get(config.model));
  const looking = useModels((models) => models.looking.has(config.model));
  const held = useAdopted((adopted) => adopted.held);
  if (looking) return "Looking up the model …";
  return whyNot({ config, seeds, dataset, prepared, wanted: facts ? parsePreprocess(facts.preprocess) : null, facts, held });
}

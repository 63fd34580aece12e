/** What a look at all images tells while they are worked on: who is in which part, and who looks like whom. */
import { create } from "zustand";
import type { Dataset } from "../data/dataset.ts";
import { Surveyor } from "../data/surveyor.ts";
import type { Places } from "../data/surveyworker.ts";
import { LIKENESS, type TwinGroup } from "../data/twins.ts";
import type { RunConfig } from "../train/run.ts";
import { useImages } from "./images.ts";
import { useSetup } from "./setup.ts";

interface Survey {
  /** Of `of`; null until they are known. */
  readonly places: Places | null;
  readonly of: Dataset | null;
  readonly groups: readonly TwinGroup[] | null;
  /** The set in which the groups were found. */
  readonly groupsOf: Dataset | null;
  readonly limit: number;
  /** Share of the images looked at while groups are searched for. */
  readonly searching: number | null;
  readonly problem: string | null;
}

const EMPTY: Survey = { places: null, of: null, groups: null, groupsOf: null, limit: LIKENESS.default, searching: null, problem: null };
export const useSurvey = create<Survey>()(() => EMPTY);

let surveyor: Surveyor | undefined;
let search: AbortController | undefined;

/** Keeps the parts up to date until the returned function is called, which also forgets what was found. */
export function openSurvey(): () => void {
  surveyor = new Surveyor();
  const mine = surveyor;
  const look = () => {
    const { dataset } = useImages.getState();
    if (!dataset) return;
    void mine.places(dataset, planOf(useSetup.getState().config)).then(
      (places) => {
        if (surveyor === mine && useImages.getState().dataset === dataset) useSurvey.setState({ places, of: dataset, problem: null });
      },
      (error: Error) => surveyor === mine && useSurvey.setState({ problem: error.message }),
    );
  };
  look();
  const leaves = [
    useImages.subscribe(({ dataset }, before) => dataset !== before.dataset && look()),
    useSetup.subscribe(({ config }, before) => JSON.stringify(planOf(config)) !== JSON.stringify(planOf(before.config)) && look()),
  ];
  return () => {
    for (const leave of leaves) leave();
    search?.abort();
    if (surveyor === mine) surveyor = undefined;
    mine.close();
    useSurvey.setState(EMPTY);
  };
}

/** Looks for images that look the same, among those that are there now. A new search ends the one before. */
export async function findTwins(limit: number): Promise<void> {
  const { dataset } = useImages.getState();
  search?.abort();
  if (!dataset || !surveyor) return;
  const { places, of } = useSurvey.getState();
  // Copies are deleted from training before they are from what is measured on.
  const worth = (image: number) => (of === dataset ? (places?.[image] ?? 0) : 0);
  const order = Array.from(dataset.labels.keys()).sort((a, b) => worth(b) - worth(a) || a - b);
  const mine = new AbortController();
  search = mine;
  useSurvey.setState({ limit, searching: 0, problem: null });
  try {
    const groups = await surveyor.twins(dataset, order, limit, (searching) => useSurvey.setState({ searching }), mine.signal);
    useSurvey.setState({ groups, groupsOf: dataset, searching: null });
  } catch (error) {
    if (search !== mine || mine.signal.aborted) return;
    useSurvey.setState({ searching: null, problem: error instanceof Error ? error.message : String(error) });
  }
}

function planOf({ validation, test, amount, seed }: RunConfig): Pick<RunConfig, "validation" | "test" | "amount" | "seed"> {
  return { validation, test, amount, seed };
}

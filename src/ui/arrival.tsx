/** Said once to who came by a link: what it set up, and that images are not in it. */
import { SAMPLES } from "../data/samples.ts";
import { forgetArrival, useArrival } from "../store/arrival.ts";
import { loadSample, useImages } from "../store/images.ts";
import { useRace } from "../store/race.ts";
import { looksOf } from "./look.ts";
import { plural } from "./numbers.ts";
import { Notice } from "./parts/notice.tsx";

export function Arrival() {
  const link = useArrival((arrival) => arrival.link);
  const name = useImages(({ dataset, importing }) => importing?.name ?? dataset?.name);
  const idle = useRace((race) => race.phase === "idle");
  if (!link || !idle) return null;
  const { config, seeds, sample } = link;
  const methods = new Intl.ListFormat("en-GB").format(looksOf(config.lanes).map(({ name }) => name));
  const set = SAMPLES.find(({ id }) => id === sample);
  return (
    <div className="arrival">
      <Notice kind="info" onDismiss={forgetArrival}>
        <p>
          This setup came with a link: {methods}, {plural(config.steps, "step")}, {plural(seeds, "seed")}.{" "}
          {set
            ? `Its images are the sample set ${set.title}. `
            : `Images are not in a link: ${name === undefined ? "add your own, or load a sample set" : "those here are your own"}.`}
          {set && name !== set.title && (
            <button type="button" className="link" onClick={() => void loadSample(set.id)}>
              Load it
            </button>
          )}
        </p>
      </Notice>
    </div>
  );
}

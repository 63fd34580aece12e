/** The tour, fetched when it is taken, and the offer of it to who is here for the first time. */
import { Suspense, useEffect, useRef } from "react";
import { useImages } from "../../store/images.ts";
import { useRace } from "../../store/race.ts";
import { useSetup } from "../../store/setup.ts";
import { endTour, startTour, useTour } from "../../store/tour.ts";
import { later } from "../parts/later.tsx";

const Stops = later(() => import("./stops.tsx"));

/** Who trains, or has brought images along, is here no more for the first time. */
function useKnowsTheWay(): boolean {
  const hasRaced = useRace(({ phase }) => phase !== "idle");
  const hasImages = useImages(({ dataset }) => dataset !== null);
  const isSample = useSetup(({ sample }) => sample !== null);
  return hasRaced || (hasImages && !isSample);
}

export function Tour() {
  const { stop, isOffered } = useTour();
  const isOn = stop !== null;
  const knows = useKnowsTheWay();
  useEffect(() => {
    if (!knows || !isOffered || isOn) return;
    // A sample's name comes a moment after its images.
    const timer = setTimeout(endTour);
    return () => clearTimeout(timer);
  }, [knows, isOffered, isOn]);
  const wasOn = useRef(false);
  // Back to where it can be taken again.
  useEffect(() => {
    if (wasOn.current && !isOn) document.getElementById("page-menu")?.focus();
    wasOn.current = isOn;
  }, [isOn]);
  if (isOn)
    return (
      <Suspense>
        <Stops />
      </Suspense>
    );
  return isOffered ? (
    <section className="offer" aria-label="First visit">
      <p>New here? Seven short stops show how this page works, on a sample set.</p>
      <button type="button" onClick={startTour}>
        Show me around
      </button>
      <button type="button" className="quiet" onClick={endTour}>
        No, thanks
      </button>
    </section>
  ) : null;
}

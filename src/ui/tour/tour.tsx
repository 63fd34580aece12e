/** The tour, fetched when it is taken, and the offer of it to who is here for the first time. */
import { Suspense, useEffect, useRef } from "react";
import { endTour, startTour, useTour } from "../../store/tour.ts";
import { later } from "../parts/later.tsx";

const Stops = later(() => import("./stops.tsx"));

export function Tour() {
  const { stop, isOffered } = useTour();
  const isOn = stop !== null;
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
      <p>New here? Six short stops show how this page works, on a sample set.</p>
      <button type="button" onClick={startTour}>
        Show me around
      </button>
      <button type="button" className="quiet" onClick={endTour}>
        No, thanks
      </button>
    </section>
  ) : null;
}

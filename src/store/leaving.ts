/** The browser asks before it leaves the page while something would be lost with it. */
import { useImages } from "./images.ts";
import { isKeeping } from "./keeping.ts";
import { useRace } from "./race.ts";

export function guardLeaving(): void {
  addEventListener("beforeunload", (event) => {
    const { phase } = useRace.getState();
    const races = phase === "starting" || phase === "training" || phase === "paused";
    if (races || useImages.getState().importing || isKeeping()) event.preventDefault();
  });
}

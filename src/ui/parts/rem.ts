/** The root font size in pixels: charts are drawn in pixels, but grow with the page's text. */
import { useSyncExternalStore } from "react";

let rem = 0;

/** Asking the browser has it work out all styles, so it is asked once for each size of the window. */
function read(): number {
  rem ||= Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
  return rem;
}

function subscribe(changed: () => void): () => void {
  const resized = () => {
    rem = 0;
    changed();
  };
  window.addEventListener("resize", resized);
  return () => window.removeEventListener("resize", resized);
}

export function useRem(): number {
  return useSyncExternalStore(subscribe, read);
}

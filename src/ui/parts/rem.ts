/** The root font size in pixels: charts are drawn in pixels, but grow with the page's text. */
import { useSyncExternalStore } from "react";

const read = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;

function subscribe(changed: () => void): () => void {
  window.addEventListener("resize", changed);
  return () => window.removeEventListener("resize", changed);
}

export function useRem(): number {
  return useSyncExternalStore(subscribe, read);
}

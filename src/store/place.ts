/** Which page the address names: the race with its settings, or the lab at "#lab" with its own. */
import { useSyncExternalStore } from "react";

export const isLab = (hash: string): boolean => /^#?lab(\?|$)/.test(hash);

function follow(onChange: () => void): () => void {
  window.addEventListener("hashchange", onChange);
  return () => window.removeEventListener("hashchange", onChange);
}

export const useIsLab = (): boolean => useSyncExternalStore(follow, () => isLab(location.hash));

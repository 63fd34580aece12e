/** The page's colours for what is drawn on a canvas, which knows no CSS variables. */
import { useMemo, useSyncExternalStore } from "react";

const DARK = "(prefers-color-scheme: dark)";

function subscribe(changed: () => void): () => void {
  const system = matchMedia(DARK);
  const chosen = new MutationObserver(changed);
  system.addEventListener("change", changed);
  chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => {
    system.removeEventListener("change", changed);
    chosen.disconnect();
  };
}

const theme = (): string => document.documentElement.dataset.theme ?? String(matchMedia(DARK).matches);

function resolve(colors: readonly string[]): string[] {
  const probe = document.body.appendChild(document.createElement("i"));
  const found = colors.map((color) => {
    probe.style.color = color;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

/** "var(--ink)" and the like as the colours that they are now. Give the same array while they are the same. */
export function useInks(colors: readonly string[]): readonly string[] {
  const now = useSyncExternalStore(subscribe, theme);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme decides what the colours are
  return useMemo(() => resolve(colors), [colors, now]);
}

/** Light or dark: the system's choice until someone chooses. */
const KEY = "theme";

type Theme = "light" | "dark";

export function applyTheme(): void {
  const chosen = readTheme();
  if (chosen) document.documentElement.dataset.theme = chosen;
}

export function toggleTheme(): void {
  const system: Theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const next: Theme = (readTheme() ?? system) === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
}

function readTheme(): Theme | undefined {
  const here = document.documentElement.dataset.theme;
  if (here === "light" || here === "dark") return here;
  try {
    const stored = localStorage.getItem(KEY);
    return stored === "light" || stored === "dark" ? stored : undefined;
  } catch {
    return undefined;
  }
}

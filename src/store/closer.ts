/** Which view of the race is open below the steps. Remembered by the tab, so that a reload comes back to it. */
import { create } from "zustand";

const KEY = "view";

/** Its id; null while none was chosen. */
export const useView = create<{ readonly view: string | null }>()(() => ({ view: readView() }));

export function chooseView(view: string): void {
  useView.setState({ view });
  try {
    sessionStorage.setItem(KEY, view);
  } catch {
    // Storage may be forbidden; then a reload opens the first view.
  }
}

function readView(): string | null {
  try {
    return globalThis.sessionStorage?.getItem(KEY) ?? null;
  } catch {
    return null;
  }
}

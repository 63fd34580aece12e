/** The last setup, as the address holds it, kept on this machine for a page that is opened without one. */

/** In the machine's storage, for the next visit, and in the tab's, which has a setup of its own. */
export const SETUP = "setup";

/** Of tabs that are open at once, the one that writes last is the one that is found. */
export function remember(setup: string): void {
  try {
    sessionStorage.setItem(SETUP, setup);
    if (setup) localStorage.setItem(SETUP, setup);
    else localStorage.removeItem(SETUP);
  } catch {
    // Storage may be forbidden, or full: then the address alone has it.
  }
}

/** This tab's own, else the last one; "" where there is none. */
export function remembered(): string {
  try {
    return sessionStorage.getItem(SETUP) ?? localStorage.getItem(SETUP) ?? "";
  } catch {
    return "";
  }
}

/** What is on the page stays; the next change to it is kept again. */
export function forgetSetup(): void {
  sessionStorage.removeItem(SETUP);
  localStorage.removeItem(SETUP);
}

/** Whether this setup came with a link: then its settings are someone else's, and its images are not in it. */
import { create } from "zustand";
import type { Address } from "./address.ts";

const KEY = "address";

/** What the link set up; null where the address is this tab's own, and once that has been read. */
export const useArrival = create<{ readonly link: Address | null }>()(() => ({ link: null }));

/** To be called with every address that is read: the same one after a reload is no link. */
export function arrive(hash: string, link: Address): void {
  useArrival.setState({ link: hash !== "" && hash !== ownAddress() ? link : null });
  keepAddress(hash);
}

/** The address that this tab has made itself. */
export function keepAddress(hash: string): void {
  try {
    sessionStorage.setItem(KEY, hash);
  } catch {
    // Storage may be forbidden; then a reload is taken for a link.
  }
}

export const forgetArrival = (): void => useArrival.setState({ link: null });

function ownAddress(): string | null {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

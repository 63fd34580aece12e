/** What holds this page in, and what it has asked of other hosts than its own: by the browser's own account, workers' included. */
import { create } from "zustand";
import { CHANNEL, confineWorkers, type Outside, watchOutside } from "./confine.ts";
import confined from "./confined.ts?worker&url";

interface Requests {
  /** Number of requests by host. */
  readonly made: ReadonlyMap<string, number>;
  readonly refused: ReadonlyMap<string, number>;
  /** The policy in index.html; null on a development server, which needs what the policy forbids. */
  readonly policy: string | null;
}

export const useOutside = create<Requests>()(() => ({ made: new Map(), refused: new Map(), policy: null }));

/** Before the first worker is made. */
export function confinePage(): void {
  const policy = document.querySelector<HTMLMetaElement>('meta[http-equiv="Content-Security-Policy"]')?.content ?? null;
  useOutside.setState({ policy });
  watchOutside(note);
  if (policy === null) return;
  new BroadcastChannel(CHANNEL).onmessage = ({ data }: MessageEvent<Outside>) => note(data);
  confineWorkers(new URL(confined, import.meta.url).href);
}

function note({ host, refused }: Outside): void {
  useOutside.setState((state) => {
    const kind = refused ? "refused" : "made";
    const counts = new Map(state[kind]);
    return { [kind]: counts.set(host, (counts.get(host) ?? 0) + 1) };
  });
}

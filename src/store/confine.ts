/**
 * A worker that is loaded from an address has only the policy that the server sends with it, and most servers send none. One that
 * begins as a blob has the policy of the page that made it. So every worker begins as a blob, which imports the worker's own file.
 */

/** What a worker tells the page of requests that go outside. */
export interface Outside {
  readonly host: string;
  readonly refused: boolean;
}
export const CHANNEL = "fullrank-outside";

/** From here on workers are confined, and theirs too. `own`: the address of confined.ts. */
export function confineWorkers(own: string): void {
  const Plain = globalThis.Worker;
  const starts = new Map<string, string>();
  const startOf = (address: string): string => {
    const files = [own, address].map((file) => `import ${JSON.stringify(file)};`);
    const start = starts.get(address) ?? URL.createObjectURL(new Blob(files, { type: "text/javascript" }));
    starts.set(address, start);
    return start;
  };
  globalThis.Worker = class extends Plain {
    constructor(address: string | URL, options?: WorkerOptions) {
      const whole = new URL(address, import.meta.url).href;
      super(options?.type === "module" && !whole.startsWith("blob:") ? startOf(whole) : whole, options);
    }
  };
}

/** Calls with every request from here to another host, made or refused. */
export function watchOutside(tell: (outside: Outside) => void): void {
  const hostOf = (address: string) => (URL.canParse(address) ? new URL(address).host : "");
  const here = new URL(import.meta.url).host;
  new PerformanceObserver((list) => {
    for (const { name } of list.getEntries()) {
      const host = hostOf(name);
      if (host && host !== here) tell({ host, refused: false });
    }
  }).observe({ type: "resource", buffered: true });
  globalThis.addEventListener("securitypolicyviolation", (event) => {
    const { blockedURI } = event as SecurityPolicyViolationEvent;
    tell({ host: hostOf(blockedURI) || blockedURI, refused: true });
  });
}

/** Work between two pauses, in milliseconds: well below the 50 from which a page feels stuck. */
const SPELL = 12;

/**
 * For loops over 100,000 files on the page's thread: awaited in every round, it lets the page go on now and then.
 * A message is waited for, because timers of a page in the background come once a second.
 */
export function pacer(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < SPELL) return undefined;
    return new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        since = performance.now();
        resolve();
      };
      port2.postMessage(undefined);
    });
  };
}

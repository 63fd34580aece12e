/** Questions to a worker of this room, answered in their order: singular vectors take too long for the training thread. */

export interface Question<Q> {
  readonly id: number;
  readonly question: Q;
}
export type Reply<A> = { readonly id: number; readonly answer: A } | { readonly id: number; readonly error: string };

export interface Queue<Q, A> {
  /** The buffers in `transfer` are given away. Rejects when the work throws, when the worker fails, and when the queue is closed first. */
  ask(question: Q, transfer: Transferable[]): Promise<A>;
  /** Ends the worker and rejects what is still waiting. */
  close(): void;
}

/** Starts a worker by `open` where there are workers; elsewhere (Node) `work` is done in place. */
export function openQueue<Q, A>(name: string, open: () => Worker, work: (question: Q) => A | Promise<A>): Queue<Q, A> {
  if (typeof Worker === "undefined") return { ask: async (question) => work(question), close: () => undefined };

  const worker = open();
  const waiting = new Map<number, { resolve(answer: A): void; reject(error: Error): void }>();
  let sent = 0;
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    failure = error;
    worker.terminate();
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.onmessage = ({ data }: MessageEvent<Reply<A>>) => {
    const asked = waiting.get(data.id);
    waiting.delete(data.id);
    if ("answer" in data) asked?.resolve(data.answer);
    else asked?.reject(new Error(data.error));
  };
  worker.onerror = ({ message }) => fail(new Error(`The ${name} worker failed: ${message}`));

  return {
    ask(question, transfer) {
      if (failure) return Promise.reject(failure);
      const id = sent++;
      return new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, question } satisfies Question<Q>, transfer);
      });
    },
    close: () => fail(new Error(`The ${name} worker was closed.`)),
  };
}

/** The worker's side. `buffersOf` says what of an answer may be given away. */
export function answerAll<Q, A>(work: (question: Q) => A, buffersOf: (answer: A) => Transferable[]): void {
  globalThis.onmessage = ({ data: { id, question } }: MessageEvent<Question<Q>>) => {
    const reply = (message: Reply<A>, transfer: Transferable[]): void => globalThis.postMessage(message, { transfer });
    try {
      const answer = work(question);
      reply({ id, answer }, buffersOf(answer));
    } catch (error) {
      reply({ id, error: error instanceof Error ? error.message : String(error) }, []);
    }
  };
}

/** A worker of the engine, and the questions that it has still to answer. */
import type { Fault } from "../gpu/device.ts";
import type { FromWorker, PaperQuestion, ToWorker } from "../train/protocol.ts";
import type { RunEvent } from "../train/run.ts";

type Without<M, K extends PropertyKey> = M extends unknown ? Omit<M, K> : never;
type Question = Without<Exclude<Extract<ToWorker, { readonly id: number }>, { readonly type: "cancel" }>, "id">;
type Answers = {
  inspect: "model";
  fetch: "fetched";
  adapter: "adapter";
  export: "exported";
  predict: "prediction";
  attention: "attention";
  embed: "embeddings";
  look: "seen";
} & {
  [K in PaperQuestion["type"]]: K;
};
type Answer<Q extends Question> = Extract<FromWorker, { readonly type: Answers[Q["type"]] }>;
type AnyAnswer = Answer<Question>;

/** A question that the engine refused, or cannot answer any more. */
export class FaultError extends Error {
  override readonly name = "FaultError";
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.what);
    this.fault = fault;
  }
}

/** Any error as what happened, what is kept and what to do. */
export function faultFrom(error: unknown, kept: string, todo: string): Fault {
  if (error instanceof FaultError) return error.fault;
  const what = error instanceof Error ? error.message : String(error);
  const own = error instanceof Error && "todo" in error && typeof error.todo === "string" ? error.todo : todo;
  return { kind: "input", what, kept, todo: own };
}

interface Waiting {
  onAnswer(answer: AnyAnswer): void;
  onFault(fault: Fault): void;
}

interface Listeners {
  readonly onEvent?: (event: RunEvent) => void;
  /** The worker itself broke; it is replaced at the next message. */
  readonly onCrash?: (fault: Fault) => void;
}

export class Engine {
  readonly #listeners: Listeners;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #last = 0;

  constructor(listeners: Listeners = {}) {
    this.#listeners = listeners;
  }

  send(message: ToWorker): void {
    this.#worker ??= this.#open();
    this.#worker.postMessage(message);
  }

  /**
   * Rejects with FaultError, or with the signal's reason when that comes first. `onPart` gets what arrives of an answer that comes
   * in parts, the last one too.
   */
  ask<Q extends Question>(
    question: Q,
    { onPart, signal }: { readonly onPart?: (part: Answer<Q>) => void; readonly signal?: AbortSignal } = {},
  ): Promise<Answer<Q>> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      const end = () => this.#waiting.delete(id);
      signal?.addEventListener("abort", () => {
        if (end()) this.send({ type: "cancel", id });
        reject(signal.reason);
      });
      this.#waiting.set(id, {
        onAnswer: (answer) => {
          onPart?.(answer as Answer<Q>);
          // While a file is named, it has still to be checked.
          if ("more" in answer && answer.more) return;
          if (answer.type === "fetched" && (answer.done < answer.all || answer.file !== "")) return;
          end();
          resolve(answer as Answer<Q>);
        },
        onFault: (fault) => {
          end();
          reject(new FaultError(fault));
        },
      });
      this.send({ ...question, id } as ToWorker);
    });
  }

  /** Questions about a run that is gone get no answer. */
  forget(fault: Fault): void {
    for (const { onFault } of [...this.#waiting.values()]) onFault(fault);
  }

  /** Ends the worker; the next message starts another. */
  dismiss(fault: Fault): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.forget(fault);
  }

  #open(): Worker {
    const opened = new Worker(new URL("../train/worker.ts", import.meta.url), { type: "module" });
    opened.addEventListener("message", ({ data }: MessageEvent<FromWorker>) => {
      if (opened !== this.#worker) return;
      if (data.type === "event") this.#listeners.onEvent?.(data.event);
      else if (data.type === "refused") this.#waiting.get(data.id)?.onFault(data.fault);
      else this.#waiting.get(data.id)?.onAnswer(data);
    });
    opened.addEventListener("error", (error) => {
      if (opened !== this.#worker) return;
      const fault: Fault = {
        kind: "internal",
        what: `The engine's worker stopped${error.message ? `: ${error.message}` : "."}`,
        kept: "Your images, your settings and the curves so far.",
        todo: "Try again. If it happens again, reload the page.",
      };
      this.dismiss(fault);
      this.#listeners.onCrash?.(fault);
    });
    return opened;
  }
}

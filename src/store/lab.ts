/** The lab on the page: what is to be measured, mirrored to the URL's hash, and what its worker has found so far. */
import { create } from "zustand";
import { type Order, readOrder, usual, writeOrder } from "../lab/order.ts";
import { asText, type Report } from "../lab/report.ts";
import type { FromLab } from "../lab/worker.ts";
import { findMethod } from "./methods.ts";
import { isLab } from "./place.ts";
import { save } from "./save.ts";

interface Lab {
  readonly order: Order;
  /** What the address held that cannot be used. */
  readonly problems: readonly string[];
  readonly phase: "idle" | "running" | "stopped" | "done" | "failed";
  readonly what: string;
  /** 0 … 1 */
  readonly done: number;
  readonly report: Report | null;
  readonly fault: { readonly what: string; readonly todo: string } | null;
}

let otherwise = usual(false);
let worker: Worker | undefined;

export const useLab = create<Lab>()(() => ({
  order: otherwise,
  problems: [],
  phase: "idle",
  what: "",
  done: 0,
  report: null,
  fault: null,
}));

/** Reads the address, and goes on following it. On a software adapter less is usual. */
export function followAddress(software: boolean): () => void {
  otherwise = usual(software);
  const read = () => {
    if (!isLab(location.hash)) return;
    const text = location.hash.replace(/^#lab\??/, "");
    useLab.setState(readOrder(text, otherwise, (id) => findMethod(id) !== undefined));
  };
  read();
  window.addEventListener("hashchange", read);
  return () => window.removeEventListener("hashchange", read);
}

export function setOrder(change: Partial<Order>): void {
  const order = { ...useLab.getState().order, ...change };
  useLab.setState({ order, problems: [] });
  const text = writeOrder(order, otherwise);
  history.replaceState(null, "", text ? `#lab?${text}` : "#lab");
}

export function startLab(): void {
  worker?.terminate();
  const started = new Worker(new URL("../lab/worker.ts", import.meta.url), { type: "module" });
  worker = started;
  useLab.setState({ phase: "running", what: "Opening the graphics device", done: 0, report: null, fault: null });
  const end = (state: Partial<Lab>) => {
    started.terminate();
    if (worker === started) useLab.setState(state);
  };
  started.addEventListener("message", ({ data }: MessageEvent<FromLab>) => {
    if (worker !== started) return;
    if (data.type === "progress") useLab.setState({ what: data.what, done: data.done, report: data.report });
    else if (data.type === "done") end({ phase: "done", done: 1, report: data.report });
    else end({ phase: "failed", fault: { what: data.what, todo: data.todo } });
  });
  started.addEventListener("error", ({ message }) => {
    const what = `The lab's worker stopped${message ? `: ${message}` : "."}`;
    end({ phase: "failed", fault: { what, todo: "Run it again. If it happens again, reload the page." } });
  });
  started.postMessage(useLab.getState().order);
}

/** At once, whatever is under way; what has been found so far stays. */
export function stopLab(): void {
  worker?.terminate();
  worker = undefined;
  useLab.setState({ phase: "stopped" });
}

export function downloadReport(report: Report): void {
  const name = report.device.name.replace(/[^\w]+/g, "-").toLowerCase();
  save(new Blob([`${JSON.stringify(report, null, 1)}\n`], { type: "application/json" }), `fullrank-bench-${name}.json`);
}

export const reportText = (report: Report): string => asText(report);

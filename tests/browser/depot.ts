/** A worker with a Hub and the browser's private file system, which a page of a test asks for things. */
import { Hub, type Inspection } from "../../src/train/hub.ts";
import { SourceError } from "../../src/train/input.ts";
import { openStore } from "../../src/train/opfs.ts";

export interface Order {
  readonly number: number;
  readonly hub: string;
  readonly id: string;
  readonly revision: string;
  readonly what: "inspect" | "download" | "open" | "list" | "remove";
}

export type Reply =
  | { readonly number: number; readonly done: number }
  | { readonly number: number; readonly result: unknown }
  | { readonly number: number; readonly fault: string; readonly message: string };

const hex = (bytes: ArrayBuffer): string => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function carryOut({ number, hub: url, id, revision, what }: Order): Promise<unknown> {
  const hub = new Hub(await openStore("models"), url);
  const onProgress = (done: number) => self.postMessage({ number, done } satisfies Reply);
  switch (what) {
    case "inspect":
      return hub.inspect(id);
    case "download": {
      const seen: Inspection = await hub.inspect(id);
      return hub.download(seen, { onProgress });
    }
    case "open": {
      const { files } = await hub.open({ id, revision });
      return hex(await crypto.subtle.digest("SHA-256", files.weights as Uint8Array<ArrayBuffer>));
    }
    case "list":
      return hub.listCached();
    case "remove":
      return hub.remove({ id, revision });
  }
}

self.onmessage = ({ data }: MessageEvent<Order>) => {
  carryOut(data).then(
    (result) => self.postMessage({ number: data.number, result } satisfies Reply),
    (error: unknown) => {
      const fault = error instanceof SourceError ? error.fault : "unnamed";
      self.postMessage({ number: data.number, fault, message: String(error) } satisfies Reply);
    },
  );
};

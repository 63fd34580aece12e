/** A small Hub on this computer: the addresses and headers of the real one that a download meets, and its ways to fail. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

export interface ToyModel {
  readonly id: string;
  /** Commit. */
  readonly revision: string;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly card?: Readonly<Record<string, unknown>>;
  readonly gated?: boolean;
}

/** One answer of the server about a file's bytes. */
interface Served {
  readonly file: string;
  /** The Range header of the request. */
  readonly range: string | undefined;
  /** Bytes sent before the connection was cut, or all. */
  sent: number;
}

export interface ToyHub {
  readonly url: string;
  readonly served: Served[];
  /** Requests other than for bytes: their paths. */
  readonly asked: string[];
  /** Set by tests: how the server misbehaves. */
  readonly mood: {
    /** Cuts the connection after this many bytes of an answer. */
    cut?: ((file: string) => number | undefined) | undefined;
    /** After so many bytes of an answer, waits for ever. */
    hold?: ((file: string) => number | undefined) | undefined;
    ignoreRange?: boolean;
    /** Bytes that are served in place of the listed ones. */
    swap?: ReadonlyMap<string, Uint8Array>;
    /** Answers every request whose path matches. */
    refuse?: { readonly path: RegExp; readonly status: number; readonly headers?: Readonly<Record<string, string>> } | undefined;
  };
  close(): Promise<void>;
}

/** Files of this size and above, and all safetensors, are kept outside git, as on the Hub. */
const LARGE = 10_000;
const PAGE = 3;
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const gitName = (bytes: Uint8Array): string => createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
const isLarge = (name: string, bytes: Uint8Array): boolean => bytes.length >= LARGE || name.endsWith(".safetensors");

export async function startHub(models: readonly ToyModel[]): Promise<ToyHub> {
  const served: Served[] = [];
  const asked: string[] = [];
  const mood: ToyHub["mood"] = {};
  let url = "";

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { pathname: path, searchParams: query } = new URL(request.url ?? "/", url);
    response.setHeader("access-control-allow-origin", "*");
    response.setHeader("access-control-expose-headers", "X-Error-Code,ETag,Link,Accept-Ranges,Content-Range,X-Linked-Size,X-Linked-ETag");
    const refuse = (status: number, code?: string): void => {
      response.writeHead(status, { "content-type": "application/json", ...(code && { "x-error-code": code }) });
      response.end(JSON.stringify({ error: code ?? "refused" }));
    };
    const json = (value: unknown, headers: Record<string, string> = {}): void => {
      asked.push(path);
      response.writeHead(200, { "content-type": "application/json; charset=utf-8", ...headers }).end(JSON.stringify(value));
    };
    if (mood.refuse?.path.test(path)) {
      response.writeHead(mood.refuse.status, mood.refuse.headers).end("refused");
      return;
    }
    const [, api, apiId, kind, apiRevision] = /^\/(api)\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(path) ?? [];
    const [, fileId, fileRevision, name] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path) ?? [];
    const stored = /^\/stored\/([^/]+\/[^/]+)\/(.+)$/.exec(path);
    const id = apiId ?? fileId ?? stored?.[1];
    const model = models.find((candidate) => candidate.id === id);
    // Without a sign-in the Hub answers 401 for what may be private or not there at all.
    if (!model) return void refuse(401, "RepoNotFound");
    const revision = decodeURIComponent(apiRevision ?? fileRevision ?? "main");
    if (!["main", "HEAD", model.revision].includes(revision)) return void refuse(404, "RevisionNotFound");

    if (api && kind === "revision") {
      const { card: cardData = {}, revision: sha, gated = false } = model;
      const info = { _id: "1", id: model.id, private: false, gated, downloads: 1, likes: 0, lastModified: "2024-01-01T00:00:00.000Z" };
      return void json({ ...info, ...(query.getAll("expand").includes("sha") && { sha }), cardData });
    }
    if (api) {
      const from = Number(query.get("cursor") ?? 0);
      const entries = [...model.files].map(([file, bytes]) => ({
        type: "file",
        path: file,
        size: bytes.length,
        oid: gitName(bytes),
        ...(isLarge(file, bytes) && { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } }),
      }));
      const next = from + PAGE < entries.length ? { link: `<${url}${path}?cursor=${from + PAGE}>; rel="next"` } : undefined;
      return void json([{ type: "directory", path: "onnx", size: 0, oid: "0" }, ...entries].slice(from && from + 1, from + PAGE + 1), next);
    }
    if (model.gated) return void refuse(401, "GatedRepo");
    const file = name ?? (stored?.[2] as string);
    const bytes = mood.swap?.get(file) ?? model.files.get(file);
    if (!bytes) return void refuse(404, "EntryNotFound");
    if (name && isLarge(file, bytes)) {
      response.writeHead(302, { location: `${url}/stored/${model.id}/${file}`, "x-linked-size": bytes.length }).end();
      return;
    }
    send(request, response, file, bytes);
  };

  const send = (request: IncomingMessage, response: ServerResponse, file: string, bytes: Uint8Array): void => {
    const { range } = request.headers;
    const from = mood.ignoreRange ? 0 : Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    if (from >= bytes.length && from > 0) {
      response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
      return;
    }
    const partial = range !== undefined && !mood.ignoreRange;
    // Small files come packed, as from the Hub's front servers; ranges never do.
    const packed = !isLarge(file, bytes) && !partial;
    const part = packed ? gzipSync(bytes) : bytes.subarray(from);
    response.writeHead(partial ? 206 : 200, {
      "content-type": "application/octet-stream",
      "content-length": part.length,
      "accept-ranges": "bytes",
      ...(packed && { "content-encoding": "gzip" }),
      ...(partial && { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
    });
    const entry: Served = { file, range, sent: part.length };
    served.push(entry);
    const cut = mood.cut?.(file);
    const hold = mood.hold?.(file);
    const limit = cut ?? hold;
    if (limit === undefined || limit >= part.length) {
      response.end(part);
      return;
    }
    entry.sent = limit;
    response.write(part.subarray(0, limit), () => {
      if (cut !== undefined) response.destroy();
    });
    if (limit === 0) response.flushHeaders();
  };

  const server = createServer((request, response) => {
    if (request.method === "OPTIONS") {
      response.writeHead(204, { "access-control-allow-origin": "*", "access-control-allow-headers": "range" }).end();
      return;
    }
    answer(request, response);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    served,
    asked,
    mood,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

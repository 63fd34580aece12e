/** What this page may do and fetch: its content security policy, written into index.html when it is built, and shown on the page. */

/** Where Hub models come from: the Hub, and the stores that it leads downloads on to (cdn-lfs, cas-bridge.xethub, …). */
export const HUB_HOSTS: readonly string[] = ["https://huggingface.co", "https://*.huggingface.co", "https://*.hf.co"];

const DIRECTIVES: Readonly<Record<string, readonly string[]>> = {
  "default-src": ["'self'"],
  // onnxruntime and the Hub's checksums are WebAssembly.
  "script-src": ["'self'", "'wasm-unsafe-eval'"],
  "worker-src": ["'self'", "blob:"],
  "connect-src": ["'self'", ...HUB_HOSTS],
  "img-src": ["'self'", "blob:", "data:"],
  "media-src": ["'self'", "blob:"],
  // An open dialog stops the page behind it from scrolling by a style element of its own. Style attributes in markup stay forbidden.
  "style-src": ["'self'"],
  "style-src-elem": ["'self'", "'unsafe-inline'"],
  "style-src-attr": ["'none'"],
  "object-src": ["'none'"],
  "base-uri": ["'none'"],
  "form-action": ["'none'"],
};

export const POLICY = Object.entries(DIRECTIVES)
  .map(([name, sources]) => `${name} ${sources.join(" ")}`)
  .join("; ");

/** The hosts outside that a policy lets the page ask. */
export function hostsOf(policy: string): readonly string[] {
  const connect = policy.split(";").find((directive) => directive.trim().startsWith("connect-src ")) ?? "";
  return connect
    .trim()
    .split(/\s+/)
    .slice(1)
    .filter((source) => source !== "'self'")
    .map((source) => source.replace("https://", ""));
}

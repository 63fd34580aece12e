/** How people name a model of the Hugging Face Hub. */
import { SourceError } from "./input.ts";

const FORM = 'Write it as "owner/name", or paste the address of its page.';

/**
 * Reads what people paste: "owner/name", or the address of the model's page, of one of its branches or of a file there.
 * Throws SourceError "id".
 */
export function parseId(text: string): { readonly id: string; readonly revision?: string } {
  const given = text.trim();
  const path = given.replace(/^(https?:\/\/)?(www\.)?(huggingface\.co|hf\.co)\/+/i, "").replace(/[?#].*$/, "");
  const parts = path.split("/").filter(Boolean);
  const refuse = (why: string) => new SourceError("id", `"${given}" ${why}.`, FORM);
  if (/^[a-z]+:\/\//i.test(path)) throw refuse("is not an address of the Hugging Face Hub");
  const [owner = "", name = "", view, revision] = parts;
  if (["datasets", "spaces", "collections"].includes(owner)) throw refuse(`is one of the ${owner}, not a model`);
  const sound = (part: string) => /^[\w.-]{1,96}$/.test(part) && !/^[.-]|\.\.|--|[.-]$/.test(part);
  if (!sound(owner) || !sound(name)) throw refuse("is not the id of a model");
  if (view === undefined) return { id: `${owner}/${name}` };
  if (!["tree", "blob", "resolve", "commit"].includes(view) || !revision) throw refuse("is not the id of a model");
  try {
    return { id: `${owner}/${name}`, revision: decodeURIComponent(revision) };
  } catch {
    throw refuse("is not the id of a model");
  }
}

/** A page that lists what was chosen in its two inputs, and decodes what it listed. */
import type { Note, Part, Preprocess } from "../../src/data/dataset.ts";
import { decode } from "../../src/data/decode.ts";
import { fromFiles } from "../../src/data/folder.ts";
import { refusalOf } from "../../src/data/refusal.ts";
import type { Source } from "../../src/data/source.ts";

export interface Listed {
  readonly name: string;
  readonly files: readonly { readonly path: string; readonly className: string; readonly part: Part | null }[];
  readonly notes: readonly Note[];
  readonly warnings: readonly string[];
}

/** The pixels, or why there are none. */
export type Decoded = { readonly pixels: readonly number[] } | { readonly kind: string; readonly reason: string };

export interface Desk {
  list(input: "files" | "folder", className?: string): Promise<Listed>;
  decode(file: number, preprocess: Preprocess): Promise<Decoded>;
}

let source: Source = { name: "", files: [], notes: [], warnings: [] };

const listed = (): Listed => ({
  ...source,
  files: source.files.map(({ path, className, part }) => ({ path, className, part: part ?? null })),
});

const desk: Desk = {
  async list(input, className) {
    const { files } = document.getElementById(input) as HTMLInputElement;
    source = await fromFiles(files ?? [], className);
    return listed();
  },
  async decode(file, preprocess) {
    try {
      const blob = (await source.files[file]?.open()) ?? new Blob();
      const bytes = new Uint8Array(await blob.arrayBuffer());
      return { pixels: [...(await decode(bytes, preprocess)).pixels] };
    } catch (error) {
      const { kind, message } = refusalOf(error);
      return { kind, reason: message };
    }
  },
};

Object.assign(globalThis, { desk });

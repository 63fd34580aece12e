/** A dataset: labelled images as bytes, by index. Everything here is plain data; no GPU, no DOM. */

export interface Dataset {
  readonly name: string;
  /** Class names in the order of their labels. */
  readonly classes: readonly string[];
  /** Side of the square images in pixels. */
  readonly size: number;
  /** (n, size, size, 3) RGB, row by row, already resized and cropped as the model's preprocessor_config asks. */
  readonly pixels: Uint8Array;
  /** (n) labels. */
  readonly labels: Uint32Array;
  /** (n) where each image came from, for people: "forest/img_3.jpg". */
  readonly sources: readonly string[];
  /** (n) SHA-256 of each file in hex, by which a later import knows duplicates. Absent in a dataset made by code. */
  readonly digests?: readonly string[];
}

/** What a note is about, so that a report of thousands can be grouped. */
export type NoteKind =
  | "system file"
  | "archive"
  | "not an image"
  | "damaged"
  | "tiny"
  | "huge"
  | "duplicate"
  | "same picture in two classes"
  | "no class"
  | "encrypted"
  | "unsafe path"
  | "unreadable";

/** One line of the import report. */
export interface Note {
  readonly source: string;
  readonly kind: NoteKind;
  readonly reason: string;
  /** "left out": the file is not in the dataset. "taken": it is, with a remark. */
  readonly outcome: "left out" | "taken";
}

export interface ImportReport {
  /** Files looked at; a system folder ("__MACOSX/") counts as one. Equals taken + notes "left out". */
  readonly found: number;
  readonly taken: number;
  readonly notes: readonly Note[];
  /** Statements about the whole ("Only one class was found: add a second one to train."). */
  readonly warnings: readonly string[];
}

/** How images become model input; the fields of preprocessor_config.json that matter. */
export interface Preprocess {
  /** Shortest edge after resizing, in pixels. */
  readonly resize: number;
  /** Both edges are resized to that, whatever the image's proportions, as ViT's processor does. */
  readonly stretch?: boolean;
  readonly resample: "bicubic" | "bilinear";
  /** Side of the centre crop, in pixels. */
  readonly crop: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

export interface Split {
  readonly train: Uint32Array;
  readonly validation: Uint32Array;
}

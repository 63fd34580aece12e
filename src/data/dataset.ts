/** A dataset: labelled images as bytes, by index. Everything here is plain data; no GPU, no DOM. */

/** What an image is for: the training, the measurements along the way, or the last measurement alone. */
export type Part = "train" | "validation" | "test";

export interface Dataset {
  readonly name: string;
  /** Class names in the order of their labels. */
  readonly classes: readonly string[];
  /** Side of the square images in pixels. */
  readonly size: number;
  /** Where its images lie, already resized and cropped as the model's preprocessor_config asks. */
  readonly pixels: Pixels;
  /** (n) labels. */
  readonly labels: Uint32Array;
  /** (n) where each image came from, for people: "forest/img_3.jpg". */
  readonly sources: readonly string[];
  /** (n) SHA-256 of each file in hex, by which a later import knows duplicates. Absent in a dataset made by code. */
  readonly digests?: readonly string[];
  /** (n) The part that each image was delivered in, or null where the data named none. Absent where no image has one. */
  readonly parts?: readonly (Part | null)[];
  /** Packs in the browser's storage that hold every image's file as it was given. Absent where that is not so. */
  readonly files?: readonly string[];
}

/**
 * Where prepared images lie: side by side in packs, each (size, size, 3) RGB, row by row. Taking an image out of a dataset, or
 * putting it elsewhere, changes its places and never a pack.
 */
export interface Pixels {
  /** Bytes in memory, or the name of a file of the browser's private file system. */
  readonly packs: readonly (Uint8Array | string)[];
  /** (n) The pack of each image, */
  readonly pack: Uint16Array;
  /** (n) and its number in that pack. */
  readonly row: Uint32Array;
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
  | "there already"
  | "same picture in two classes"
  | "no class"
  | "missing"
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

/** Indices of images, ascending. */
export interface Split {
  readonly train: Uint32Array;
  /** Measured on while training. */
  readonly validation: Uint32Array;
  /** Measured on once, at the end; no setting but its share changes who is in it. */
  readonly test: Uint32Array;
}

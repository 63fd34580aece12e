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
}

/** One line of the import report. */
export interface Note {
  readonly source: string;
  readonly reason: string;
  /** "left out": the file is not in the dataset. "taken": it is, with a remark. */
  readonly outcome: "left out" | "taken";
}

export interface ImportReport {
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

/**
 * How training images are seen anew in every step. What is drawn for an image is a function of (seed, step, place in the batch) alone:
 * any step can be drawn again, and all lanes are given the same.
 */
import { hash } from "../data/hash.ts";

/** Every number is 0 for off, but `crop`, which is 1. */
export interface Augment {
  /** Pixels by which an image is shifted at most, along both axes; the edge is repeated. Whole. */
  readonly shift: number;
  /** 1: every other image is mirrored, left to right. */
  readonly flip: number;
  /** Smallest share of the area that is cut out and enlarged to the whole, its sides at 3/4 … 4/3 (torchvision's RandomResizedCrop). */
  readonly crop: number;
  /** s: brightness, contrast and saturation by factors 1 − s … 1 + s, the hue by up to s / 4 of a circle (torchvision's ColorJitter). */
  readonly colour: number;
  /** Strength 0 … 1 of two operations drawn from `OPERATIONS` (RandAugment: Cubuk et al. 2019, arXiv:1909.13719, at n = 2). */
  readonly rand: number;
}

export const NO_AUGMENT: Augment = { shift: 0, flip: 0, crop: 1, colour: 0, rand: 0 };

export const isAugmented = ({ shift, flip, crop, colour, rand }: Augment): boolean =>
  shift > 0 || flip > 0 || crop < 1 || colour > 0 || rand > 0;
export const changesTone = ({ colour, rand }: Augment): boolean => colour > 0 || rand > 0;

/** Where a pixel comes from: (a·i + b·j + c, d·i + e·j + f), as the op `augment` has it. */
type Place = readonly [a: number, b: number, c: number, d: number, e: number, f: number];
type Tone = [brightness: number, contrast: number, saturation: number, hue: number, inversion: number, levels: number];

/** For the op `augment`: where the pixels of each image come from, and what becomes of their values. */
export interface Drawn {
  /** (images, 6) */
  readonly place: Float32Array;
  readonly tone: Float32Array;
}

const STREAM = 0x76696577;
/** Which number of an image's a draw is: no setting changes what another one draws. */
const DRAW = { flip: 0, across: 1, down: 2, tone: 3, first: 7, second: 8, signs: 9, crop: 16 } as const;
const TRIES = 10;

/**
 * Draws for all images of a batch, of `size` × `size` pixels. Crop, then flip, then shift, then the two operations of `rand`, geometry
 * before colour, then colour: all geometry is one affine map, and factors of one kind are multiplied.
 */
export function drawViews(augment: Augment, size: number, seed: number, step: number, { place, tone }: Drawn): void {
  for (let image = 0; image < place.length / 6; image++) {
    const draw = (k: number) => hash(STREAM, seed, step, image, k) / 2 ** 32;
    const toned: Tone = [1, 1, 1, 0, 256, 0];
    const around = operations(augment.rand, size, draw, toned);
    jitter(augment.colour, draw, toned);
    const left = Math.floor(draw(DRAW.across) * (2 * augment.shift + 1)) - augment.shift;
    const top = Math.floor(draw(DRAW.down) * (2 * augment.shift + 1)) - augment.shift;
    const shifted: Place = draw(DRAW.flip) < augment.flip / 2 ? [-1, 0, size - 1 + left, 0, 1, top] : [1, 0, left, 0, 1, top];
    place.set(through(cropped(augment.crop, size, draw), through(shifted, around)), 6 * image);
    tone.set(toned, 6 * image);
  }
}

/** The place of a place. */
function through([a, b, c, d, e, f]: Place, [g, h, i, j, k, l]: Place): Place {
  return [a * g + b * j, a * h + b * k, a * i + b * l + c, d * g + e * j, d * h + e * k, d * i + e * l + f];
}

type Draw = (k: number) => number;

/** Ten tries for a box within the image, then the whole. */
function cropped(least: number, size: number, draw: Draw): Place {
  for (let k: number = DRAW.crop; least < 1 && k < DRAW.crop + 4 * TRIES; k += 4) {
    const area = size * size * (least + (1 - least) * draw(k));
    const ratio = Math.exp((2 * draw(k + 1) - 1) * Math.log(4 / 3));
    const [width, height] = [Math.round(Math.sqrt(area * ratio)), Math.round(Math.sqrt(area / ratio))];
    if (width < 1 || height < 1 || width > size || height > size) continue;
    const left = Math.floor(draw(k + 2) * (size - width + 1));
    const top = Math.floor(draw(k + 3) * (size - height + 1));
    const [across, down] = [width / size, height / size];
    return [across, 0, left + across / 2 - 0.5, 0, down, top + down / 2 - 0.5];
  }
  return [1, 0, 0, 0, 1, 0];
}

function jitter(strength: number, draw: Draw, tone: Tone): void {
  const signed = (k: number) => strength * (2 * draw(DRAW.tone + k) - 1);
  for (const k of [0, 1, 2] as const) tone[k] *= Math.max(0, 1 + signed(k));
  tone[3] = signed(3) / 4;
}

/** What an operation does at strength s, ±1 being drawn: to where pixels come from, about the image's middle, or to their values. */
type Operation = (s: number, sign: number, size: number, tone: Tone) => Place;
const STILL: Place = [1, 0, 0, 0, 1, 0];
const factor =
  (k: 0 | 1 | 2): Operation =>
  (s, sign, _size, tone) => {
    tone[k] *= 1 + 0.9 * s * sign;
    return STILL;
  };

/**
 * Those of RandAugment at the ranges of torchvision; the two of a view are different ones. Sharpness, autocontrast and equalize are not
 * among them: they look at neighbours, or at the histogram of the whole image.
 */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  identity: () => STILL,
  rotate(s, sign) {
    const angle = (s * sign * Math.PI) / 6;
    return [Math.cos(angle), -Math.sin(angle), 0, Math.sin(angle), Math.cos(angle), 0];
  },
  "shear x": (s, sign) => [1, 0.3 * s * sign, 0, 0, 1, 0],
  "shear y": (s, sign) => [1, 0, 0, 0.3 * s * sign, 1, 0],
  "translate x": (s, sign, size) => [1, 0, sign * Math.round(0.45 * s * size), 0, 1, 0],
  "translate y": (s, sign, size) => [1, 0, 0, 0, 1, sign * Math.round(0.45 * s * size)],
  brightness: factor(0),
  contrast: factor(1),
  saturation: factor(2),
  posterize(s, _sign, _size, tone) {
    tone[5] = 2 ** (8 - Math.round(4 * s));
    return STILL;
  },
  solarize(s, _sign, _size, tone) {
    tone[4] = 256 * (1 - s);
    return STILL;
  },
};
const ALL = Object.values(OPERATIONS);

/** Applies two of the operations to `tone`, and gives their places. */
function operations(strength: number, size: number, draw: Draw, tone: Tone): Place {
  if (strength === 0) return STILL;
  const first = Math.floor(draw(DRAW.first) * ALL.length);
  const second = Math.floor(draw(DRAW.second) * (ALL.length - 1));
  const middle = (size - 1) / 2;
  const [outer, inner] = [first, second < first ? second : second + 1].map((which, k) => {
    const sign = draw(DRAW.signs + k) < 0.5 ? -1 : 1;
    const [a, b, c, d, e, f] = (ALL[which] as Operation)(strength, sign, size, tone);
    return [a, b, c + middle - (a + b) * middle, d, e, f + middle - (d + e) * middle] as const;
  });
  return through(outer ?? STILL, inner ?? STILL);
}

/** Colours for numbers: one scale from dark to light that keeps its order for the colour-blind, in grey and on dark pages. */

/** Viridis (Smith and van der Walt 2015, CC0) at nine equal steps. */
const STOPS: readonly (readonly [number, number, number])[] = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];

/** 0 … 1 as red, green and blue of 0 … 255; what lies outside takes the end's colour. */
export function colourOf(share: number): readonly [number, number, number] {
  const at = Math.min(1, Math.max(0, share)) * (STOPS.length - 1);
  const first = Math.min(STOPS.length - 2, Math.floor(at));
  const [a, b] = [STOPS[first], STOPS[first + 1]] as [readonly number[], readonly number[]];
  return [0, 1, 2].map((i) => Math.round((a[i] as number) + (at - first) * ((b[i] as number) - (a[i] as number)))) as [
    number,
    number,
    number,
  ];
}

/** The whole scale as a CSS gradient, from left to right. */
export const GRADIENT = `linear-gradient(to right, ${STOPS.map((stop) => `rgb(${stop.join(" ")})`).join(", ")})`;

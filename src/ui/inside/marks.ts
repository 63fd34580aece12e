/** How classes are marked in a scatter plot: a colour and a shape together, so that neither is needed alone. */

/** Evenly around the circle of hues, neighbours far apart. */
export const MARK_INKS: readonly string[] = Array.from({ length: 10 }, (_, i) => {
  const hue = 250 + ((i * 3) % 10) * 36;
  return `light-dark(oklch(0.55 0.15 ${hue % 360}), oklch(0.76 0.13 ${hue % 360}))`;
});

type Pen = CanvasRenderingContext2D;

const SHAPES: readonly ((pen: Pen, x: number, y: number, r: number) => void)[] = [
  (pen, x, y, r) => pen.arc(x, y, r, 0, 2 * Math.PI),
  (pen, x, y, r) => pen.rect(x - 0.85 * r, y - 0.85 * r, 1.7 * r, 1.7 * r),
  (pen, x, y, r) => polygon(pen, [x, y - 1.2 * r, x + 1.1 * r, y + 0.8 * r, x - 1.1 * r, y + 0.8 * r]),
  (pen, x, y, r) => polygon(pen, [x, y - 1.3 * r, x + 1.3 * r, y, x, y + 1.3 * r, x - 1.3 * r, y]),
  (pen, x, y, r) => polygon(pen, [x, y + 1.2 * r, x + 1.1 * r, y - 0.8 * r, x - 1.1 * r, y - 0.8 * r]),
  (pen, x, y, r) => {
    pen.rect(x - 1.2 * r, y - 0.4 * r, 2.4 * r, 0.8 * r);
    pen.rect(x - 0.4 * r, y - 1.2 * r, 0.8 * r, 2.4 * r);
  },
];

function polygon(pen: Pen, [x = 0, y = 0, ...rest]: readonly number[]): void {
  pen.moveTo(x, y);
  for (let i = 0; i < rest.length; i += 2) pen.lineTo(rest[i] as number, rest[i + 1] as number);
  pen.closePath();
}

/** Fills the mark of a class; `inks` are MARK_INKS as they are now. */
export function mark(pen: Pen, inks: readonly string[], label: number, x: number, y: number, radius: number): void {
  pen.fillStyle = inks[label % MARK_INKS.length] as string;
  pen.beginPath();
  SHAPES[label % SHAPES.length]?.(pen, x, y, radius);
  pen.fill();
}

/** Small pictures of images as the model sees them, drawn from their bytes. */
import { useEffect, useRef } from "react";
import { toRgba } from "../../data/table.ts";

interface Props {
  /** (size, size, 3) each; drawn side by side. */
  readonly images: readonly Uint8Array[];
  readonly size: number;
  /** Places, filled or not, so that rows line up. */
  readonly places?: number;
  readonly label?: string;
}

export function Thumbs({ images, size, places = images.length, label }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, places * size, size);
    images.slice(0, places).forEach((pixels, index) => {
      context.putImageData(new ImageData(toRgba(pixels), size, size), index * size, 0);
    });
  }, [images, size, places]);
  return (
    <canvas
      ref={canvas}
      className="thumbs"
      width={places * size}
      height={size}
      style={{ aspectRatio: `${places} / 1` }}
      {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })}
    />
  );
}

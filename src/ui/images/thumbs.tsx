/** Small pictures of images as the model sees them, drawn from their bytes. */
import { useEffect, useMemo, useRef } from "react";
import { toRgba } from "../../data/table.ts";

interface Props {
  /** (size, size, 3) each; drawn side by side. */
  readonly images: readonly Uint8Array[];
  readonly size: number;
  /** Places, filled or not, so that rows line up. */
  readonly places?: number;
  readonly label?: string;
}

/** Between pictures, in their pixels. */
const GAP = 4;

export function Thumbs({ images, size, places = images.length, label }: Props) {
  const width = places * (size + GAP) - GAP;
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, width, size);
    images.slice(0, places).forEach((pixels, index) => {
      context.putImageData(new ImageData(toRgba(pixels), size, size), index * (size + GAP), 0);
    });
  }, [images, size, places, width]);
  return (
    <canvas
      ref={canvas}
      className="thumbs"
      width={width}
      height={size}
      style={{ aspectRatio: `${width} / ${size}` }}
      {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })}
    />
  );
}

interface PictureProps {
  /** (size, size, 3); absent until it is read. */
  readonly pixels: Uint8Array | undefined;
  readonly size: number;
  readonly label?: string;
}

/** One image, drawn once however often what is around it changes. */
export function Picture({ pixels, ...rest }: PictureProps) {
  const images = useMemo(() => (pixels ? [pixels] : []), [pixels]);
  return <Thumbs images={images} places={1} {...rest} />;
}

/** Images with what was said of them; each opens by itself, and every lane is asked about it. */
import { useMemo, useState } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { openImage } from "../../store/predictions.ts";
import { usePixels } from "../images/pixels.ts";
import { Thumbs } from "../images/thumbs.tsx";
import { count } from "../numbers.ts";
import { baseName, Cut } from "../parts/cut.tsx";

export interface Tile {
  /** Index in the dataset. */
  readonly image: number;
  /** "Pasture 87 %", a line for each answer. */
  readonly lines: readonly string[];
}

interface Props {
  readonly dataset: Dataset;
  readonly label: string;
  /** Give the same array while the images are the same. */
  readonly tiles: readonly Tile[];
}

/** Images drawn at once. */
const PAGE = 24;

export function Gallery({ dataset, label, tiles }: Props) {
  const [pages, setPages] = useState({ of: tiles, count: 1 });
  const shown = (pages.of === tiles ? pages.count : 1) * PAGE;
  const some = useMemo(() => tiles.slice(0, shown), [tiles, shown]);
  const images = useMemo(() => some.map(({ image }) => image), [some]);
  const pixels = usePixels(dataset, images);
  if (tiles.length === 0) return null;
  return (
    <section className="pictures" aria-label={label}>
      <ul>
        {some.map(({ image, lines }, index) => {
          const read = pixels[index];
          return (
            <li key={image}>
              <button
                type="button"
                className="tile"
                title={dataset.sources[image]}
                aria-label={[dataset.sources[image], ...lines].join(", ")}
                onClick={() => void openImage(dataset, image)}
              >
                <Thumbs images={read ? [read] : []} size={dataset.size} places={1} />
                {lines.map((line) => (
                  <span key={line} dir="auto">
                    {line}
                  </span>
                ))}
                <small>
                  <Cut name={baseName(dataset.sources[image] ?? "")} />
                </small>
              </button>
            </li>
          );
        })}
      </ul>
      {tiles.length > shown && (
        <button type="button" onClick={() => setPages({ of: tiles, count: shown / PAGE + 1 })}>
          Show {count(Math.min(PAGE, tiles.length - shown))} more of {count(tiles.length)}
        </button>
      )}
    </section>
  );
}

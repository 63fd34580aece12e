/** Images of a dataset for the page, which reads them when it shows them. */
import { useEffect, useState } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { readPixels } from "../../data/pixels.ts";

const NONE: readonly Uint8Array[] = [];

/** (size, size, 3) bytes of each; empty until they are read. Give the same array while the images are the same. */
export function usePixels(dataset: Dataset, images: readonly number[]): readonly Uint8Array[] {
  const [read, setRead] = useState(NONE);
  useEffect(() => {
    let current = true;
    void readPixels(dataset, images).then((pixels) => current && setRead(pixels));
    return () => {
      current = false;
    };
  }, [dataset, images]);
  return read;
}

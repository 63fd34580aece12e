/** Singular values of one layer's updates on a log axis, a line for each lane. */
import { FLOOR } from "../../analysis/spectrum.ts";
import { Directions } from "./directions.tsx";
import { Notes } from "./notes.tsx";
import type { Spectrum } from "./wall.ts";

export default function Singular({ spectra, label }: { readonly spectra: readonly Spectrum[]; readonly label: string }) {
  return (
    <Directions title={`Singular values, ${label}`} lines={spectra} tell={tell}>
      <Notes spectra={spectra} />
    </Directions>
  );
}

function tell({ values, largest }: Spectrum, direction: number): string {
  const share = values[direction] ?? FLOOR;
  return share <= FLOOR ? "0" : `σ = ${(share * largest).toPrecision(2)}`;
}

/** A method's colour and dash, as a short piece of its line. */
import type { Look } from "../look.ts";

export function Swatch({ look }: { readonly look: Pick<Look, "color" | "dash"> }) {
  return (
    <svg className="swatch" viewBox="0 0 24 8" aria-hidden="true">
      <line x1="1" y1="4" x2="23" y2="4" stroke={look.color} strokeWidth="3" strokeDasharray={look.dash} />
    </svg>
  );
}

/** What a chart says of the place under its crosshair: a line of words for each of its curves. */
import type { ReactNode } from "react";

export interface Read {
  /** Of its curve: two may have one name. */
  readonly id: string;
  readonly name: string;
  readonly color?: string;
  readonly value: ReactNode;
}

export function Reading({ at, of }: { readonly at: ReactNode; readonly of: readonly Read[] }) {
  return (
    <div className="popover reading">
      <b>{at}</b>
      {of.map(({ id, name, color, value }) => (
        <span key={id} className="reading-row">
          {color && <i style={{ background: color }} />}
          {name}
          <b>{value}</b>
        </span>
      ))}
    </div>
  );
}

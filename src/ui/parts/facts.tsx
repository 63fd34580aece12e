/** What is known of a thing: names and values in two columns. */
import type { ReactNode } from "react";

interface Props {
  readonly rows: readonly (readonly [name: string, value: ReactNode])[];
}

export function Facts({ rows }: Props) {
  return (
    <dl className="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

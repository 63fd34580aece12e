/** A list of bars, each with its name and its number beside it. */

export interface Bar {
  readonly name: string;
  /** What tells it from others of that name; quieter. */
  readonly detail: string;
  /** 0 … 1; what is beyond is cut off. */
  readonly share: number;
  readonly value: string;
  /** Bound by memory rather than by arithmetic: paler. */
  readonly pale: boolean;
}

export function Bars({ bars }: { readonly bars: readonly Bar[] }) {
  return (
    <ol className="bars">
      {bars.map(({ name, detail, share, value, pale }) => (
        <li key={`${name} ${detail}`}>
          <span className="bar-name">
            {name} <small>{detail}</small>
          </span>
          <span className="bar" aria-hidden="true">
            <i className={pale ? "pale" : ""} style={{ width: `${100 * Math.min(1, share)}%` }} />
          </span>
          <span className="bar-value">{value}</span>
        </li>
      ))}
    </ol>
  );
}

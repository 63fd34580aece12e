/** A chart with its text: a caption that states the finding, and its numbers as a table for whoever wants them. */
import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { Icon } from "./icon.tsx";
import { SaveChart } from "./saving.tsx";

/** Screen readers would otherwise be talked over by every batch. */
const SPEAK_MS = 3000;

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

interface Props {
  readonly title: ReactNode;
  readonly finding: string;
  /** Built only when it is shown. */
  readonly table: () => Table;
  readonly className?: string;
  readonly children: ReactNode;
}

export function Figure({ title, finding, table, className = "", children }: Props) {
  const id = useId();
  const [asTable, setAsTable] = useState(false);
  const figure = useRef<HTMLElement>(null);
  return (
    <figure ref={figure} className={`figure ${className}`} aria-labelledby={id}>
      <div className="figure-head">
        <h3 id={id}>{title}</h3>
        {!asTable && <SaveChart figure={figure} />}
        <button type="button" className="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          <Icon name={asTable ? "chart" : "table"} />
          <span className="label">{asTable ? "Chart" : "Table"}</span>
        </button>
      </div>
      {asTable ? <Numbers {...table()} of={id} /> : children}
      <figcaption aria-live="polite">{useCalm(finding)}</figcaption>
    </figure>
  );
}

function Numbers({ head, rows, of }: Table & { readonly of: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard
    <section className="scroll numbers" aria-labelledby={of} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((cell) => (
              <th key={cell} scope="col">
                {cell}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([first, ...cells]) => (
            <tr key={first}>
              <th scope="row">{first}</th>
              {cells.map((cell, index) => (
                <td key={head[index + 1]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The newest text, changed at most every few seconds. */
function useCalm(text: string): string {
  const [calm, setCalm] = useState(text);
  const changed = useRef(0);
  useEffect(() => {
    if (text === calm) return;
    const show = () => {
      changed.current = performance.now();
      setCalm(text);
    };
    const timer = setTimeout(show, Math.max(0, changed.current + SPEAK_MS - performance.now()));
    return () => clearTimeout(timer);
  }, [text, calm]);
  return calm;
}

/** Where an analysis comes from: its formula, the paper and the place in it, how to read it and what it does not show. */
import { createElement } from "react";
import { Term } from "../parts/term.tsx";
import { type Analysis, SOURCES } from "./sources.ts";

interface Props {
  readonly of: Analysis;
  readonly children?: string;
}

/** Before there is a result: what it would tell, and what it takes. */
export function Asks({ of }: { readonly of: Analysis }) {
  const { asks, takes } = SOURCES[of];
  return (
    <p className="asks">
      {asks} <span>{takes}</span>
    </p>
  );
}

export function Source({ of, children = "Formula and source" }: Props) {
  const { formula, letters, papers, reads, hides } = SOURCES[of];
  return (
    <Term
      explains={
        <div className="source">
          {createElement(
            "math",
            { display: "block" },
            createElement("mtable", null, ...formula.map((line) => createElement("mtr", null, createElement("mtd", null, line)))),
          )}
          <p className="letters">{letters}</p>
          <p>{reads}</p>
          <p>{hides}</p>
          <ul>
            {papers.map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </div>
      }
    >
      {children}
    </Term>
  );
}

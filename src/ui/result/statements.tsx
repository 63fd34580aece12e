/** The verdict in words, and all pairs of methods as a table behind it. */
import { useMemo } from "react";
import type { Judgement } from "../../analysis/judge.ts";
import { verdictsOf } from "../../store/verdict.ts";
import type { Look } from "../look.ts";
import { Term } from "../parts/term.tsx";

interface Props {
  readonly judged: { readonly judgement: Judgement; readonly part: "test" | "validation" };
  readonly final: boolean;
  readonly looks: readonly Look[];
}

export function Statements({ judged: { judgement, part }, final, looks }: Props) {
  const names = useMemo(() => looks.map(({ name }) => name), [looks]);
  const verdicts = useMemo(() => verdictsOf(judgement, names, part), [judgement, names, part]);
  if (verdicts.length === 0) return null;
  return (
    <div className={`statements ${final ? "final" : ""}`} role="status">
      {verdicts.map(({ statement, why, pair: { a, b } }) => (
        <p key={`${a} ${b}`}>
          {final ? "" : "So far: "}
          {statement} <Term explains={<p>{why}</p>}>why?</Term>
        </p>
      ))}
      {judgement.pairs.length > verdicts.length && <Pairs pairs={judgement.pairs} names={names} />}
    </div>
  );
}

/** Differences in points, A − B. */
function Pairs({ pairs, names }: { readonly pairs: Judgement["pairs"]; readonly names: readonly string[] }) {
  return (
    <details className="pairs">
      <summary>All pairs</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Pair</th>
            <th scope="col">Points (95 %)</th>
            <th scope="col">p (Holm)</th>
          </tr>
        </thead>
        <tbody>
          {pairs.map(({ a, b, compared: { accuracyA, accuracyB, low, high, p } }) => (
            <tr key={`${a} ${b}`}>
              <th scope="row">
                {names[a]} − {names[b]}
              </th>
              <td>
                {signed(accuracyA - accuracyB)} ({signed(low)} to {signed(high)})
              </td>
              <td>{p < 0.001 ? "< 0.001" : p.toPrecision(2)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

const signed = (share: number): string => `${share > 0 ? "+" : ""}${(100 * share).toFixed(1)}`.replace("-", "−");

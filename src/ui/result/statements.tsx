/** The verdict: one line that stands above the figures, and below them what it rests on, pair by pair. */
import { useMemo } from "react";
import type { Judgement } from "../../analysis/judge.ts";
import { headlineOf, verdictsOf } from "../../store/verdict.ts";
import type { Look } from "../look.ts";
import { plural } from "../numbers.ts";
import { Term } from "../parts/term.tsx";

interface Props {
  readonly judged: { readonly judgement: Judgement; readonly part: "test" | "validation" };
  readonly final: boolean;
  readonly looks: readonly Look[];
}

const namesOf = (looks: readonly Look[]): readonly string[] => looks.map(({ name }) => name);

export function Headline({ judged: { judgement }, final, looks }: Props) {
  const headline = useMemo(() => headlineOf(judgement, namesOf(looks)), [judgement, looks]);
  if (!headline) return null;
  return (
    <p className={`headline ${final ? "final" : ""}`} role="status">
      {final ? "" : "So far: "}
      {headline}
    </p>
  );
}

export function Statements({ judged: { judgement, part }, looks }: Omit<Props, "final">) {
  const names = useMemo(() => namesOf(looks), [looks]);
  const verdicts = useMemo(() => verdictsOf(judgement, names, part), [judgement, names, part]);
  if (verdicts.length === 0) return null;
  const several = verdicts.length > 1;
  return (
    <div className="statements">
      {several && (
        <p>
          {verdicts[0]?.lead} {groundOf(judgement, part)}
        </p>
      )}
      {verdicts.map(({ statement, brief, why, pair: { a, b } }) => (
        <p key={`${a} ${b}`}>
          {several ? brief : statement} <Term explains={<p>{why}</p>}>why?</Term>
        </p>
      ))}
      {judgement.pairs.length > verdicts.length && <Pairs pairs={judgement.pairs} names={names} />}
    </div>
  );
}

/** What all pairs have been compared on. */
function groundOf({ pairs }: Judgement, part: Props["judged"]["part"]): string {
  const images = Math.max(...pairs.map(({ compared }) => compared.images));
  const seeds = Math.max(...pairs.map(({ compared }) => compared.seeds));
  const all = pairs.every(({ compared }) => compared.seeds === seeds);
  const over = seeds > 1 ? `, over ${all ? "" : "up to "}${seeds} seeds` : "";
  return `on ${plural(images, `${part} image`)}${over}; p after correction for ${pairs.length} comparisons:`;
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

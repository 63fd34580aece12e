/** Whether every kernel computes here what its definition says. */
import { type Report, verification } from "../../lab/report.ts";
import { count, plural } from "../numbers.ts";
import { Notice } from "../parts/notice.tsx";
import { Finding } from "./finding.tsx";

export function Verified({ report }: { readonly report: Report | null }) {
  return (
    <Finding
      title="Is every kernel right here?"
      says="Each operation is run on this GPU at sizes that break kernels (one number, odd sizes, numbers that cancel) and compared with a plain definition in double precision: its result, and its gradients with differences of the definition. Nothing may be written past the end of a buffer, and nothing left unwritten."
    >
      {report && report.verified.length > 0 ? <Verdict report={report} /> : undefined}
    </Finding>
  );
}

function Verdict({ report }: { readonly report: Report }) {
  const { ops, cases, runs, left, wrong } = verification(report);
  const { agreements } = report;
  const apart = agreements.filter(({ failure }) => failure !== undefined);
  const faults = [
    ...wrong.map(({ op, case: name, failure }) => [`${op}, ${name}`, failure] as const),
    ...apart.map(({ problem, variant, failure }) => [`${problem}, ${variant}`, failure] as const),
  ];
  const whole = faults.length === 0;
  return (
    <>
      <p className={`verdict ${whole ? "good" : "bad"}`}>
        <b>{whole ? "All right" : `${plural(faults.length, "fault")}`}</b>: {plural(cases, "case")} of {plural(ops, "operation")}
        {report.device.software
          ? ", with the kernels for processors, which are those that run here."
          : ` in ${count(runs)} runs, as kernels come in variants for different sizes and devices.`}
        {left > 0 && ` There was no time for ${count(left)} more.`}
      </p>
      {agreements.length > 0 && (
        <p>
          At the sizes of these steps {plural(agreements.length, "problem")} were also run by two different kernels, one of them the one
          that was found fastest on this GPU: {apart.length === 0 ? "all agree" : `${count(apart.length)} disagree`}, to{" "}
          {Math.max(...agreements.map(({ error }) => error)).toExponential(1)} of the typical number.
        </p>
      )}
      {faults.length > 0 && (
        <Notice kind="error">
          <p>
            Training on this GPU with this browser may go wrong. Updating the graphics driver often helps; please report this with the JSON
            below.
          </p>
          <ul>
            {faults.map(([what, failure]) => (
              <li key={what}>
                <b>{what}</b>: {failure}
              </li>
            ))}
          </ul>
        </Notice>
      )}
      <Ops report={report} />
    </>
  );
}

/** From the operation that came nearest to its limit to the one that kept farthest from it. */
function Ops({ report }: { readonly report: Report }) {
  const rows = report.verified
    .map(({ op, cases }) => {
      const worst = cases.reduce((most, one) => (used(one) > used(most) ? one : most));
      return { op, cases, worst, share: used(worst) };
    })
    .sort((a, b) => b.share - a.share);
  return (
    <details>
      <summary>Worst error of every operation</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard */}
      <section className="scroll numbers" aria-label="Worst errors" tabIndex={0}>
        <table>
          <thead>
            <tr>
              {["Operation", "Cases", "Error", "Allowed", "Where"].map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ op, cases, worst: { case: name, worst, failure } }) => (
              <tr key={op} className={failure === undefined ? "" : "bad"}>
                <th scope="row">{op}</th>
                <td>{cases.length}</td>
                <td>{worst.error.toExponential(1)}</td>
                <td>{worst.tolerance.toExponential(1)}</td>
                <td className="words">
                  {worst.what} of “{name}”{failure === undefined ? "" : `: ${failure}`}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

const used = ({ worst: { error, tolerance }, failure }: Report["verified"][number]["cases"][number]): number =>
  failure === undefined ? error / tolerance : Number.POSITIVE_INFINITY;

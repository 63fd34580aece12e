/** The training steps that were timed, as a table. */
import { figure, peakBytes, type Report } from "../../lab/report.ts";
import { titleOf } from "../look.ts";
import { bytes, count, percent, short } from "../numbers.ts";
import { Term } from "../parts/term.tsx";
import { Finding } from "./finding.tsx";
import { methodTitle, modelTitle } from "./names.ts";

const HEAD = [
  ["Step", "Forward, backward and AdamW of one batch, by the clock on the wall, in the loop that trains: the median."],
  ["Images/s", "Of all lanes together."],
  [
    "MFU",
    "Model FLOP utilisation: the products of matrices that the method asks for, over those that the best matmul could have done in the same time. Norms, softmax, optimiser and waiting are what is missing.",
  ],
  ["Memory", "On the GPU: frozen weights, activations, trained numbers, their gradients and AdamW's state."],
  ["Trained", "Numbers that training changes, with the 100-class head."],
] as const;

export function Steps({ report }: { readonly report: Report | null }) {
  const steps = report?.steps ?? [];
  return (
    <Finding
      title="Training steps"
      says={`Models of known sizes with random weights${report ? `, ${report.order.batch} random images of 100 classes a step` : ""}; all six linear layers of every block are adapted.`}
    >
      {steps.length > 0 ? (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard
        <section className="scroll" aria-label="Times of training steps" tabIndex={0}>
          <table className="table">
            <thead>
              <tr>
                <td />
                {HEAD.map(([name, explains]) => (
                  <th key={name} scope="col">
                    <Term explains={<p>{explains}</p>}>{name}</Term>
                  </th>
                ))}
                <th scope="col" className="words">
                  How
                </th>
              </tr>
            </thead>
            <tbody>
              {steps.map((step) => (
                <tr key={`${step.model} ${step.method}`}>
                  <th scope="row">
                    {methodTitle(step.method, titleOf)} <small>{modelTitle(step.model)}</small>
                  </th>
                  <td className="strong">{figure(step.ms)} ms</td>
                  <td>{count(Math.round(step.imagesPerSecond))}</td>
                  <td>{step.mfu === undefined ? "–" : percent(step.mfu, 0)}</td>
                  <td>{bytes(peakBytes(step))}</td>
                  <td title={count(step.parameters)}>{short(step.parameters)}</td>
                  <td className="words">{step.way}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      ) : undefined}
    </Finding>
  );
}

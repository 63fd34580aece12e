/** What the GPU can do at best. */
import { figure, type Report, speed } from "../../lab/report.ts";
import { Finding } from "./finding.tsx";

export function Ceilings({ report }: { readonly report: Report | null }) {
  const ceilings = report?.ceilings;
  return (
    <Finding
      title="Ceilings"
      says="Some kernels wait for memory, others for arithmetic. How fast this GPU copies, and how fast it multiplies large matrices in 32 bits with the kernels of this page, are the marks that all others are held against. Between two kernels of which one waits for the other every GPU pauses for a moment."
    >
      {ceilings && (
        <dl className="marks">
          <div>
            <dt>Copy, read and written</dt>
            <dd>{figure(ceilings.copy)} GB/s</dd>
          </div>
          <div>
            <dt>Matrix product, {ceilings.side}³</dt>
            <dd>{speed({ gflops: 1000 * ceilings.matmul, gbps: 0 })}</dd>
          </div>
          {ceilings.between > 0 && (
            <div>
              <dt>Between two launches</dt>
              <dd>{figure(1000 * ceilings.between)} µs</dd>
            </div>
          )}
        </dl>
      )}
    </Finding>
  );
}

/** The findings to take away: as JSON, and as text for a bug report. */
import type { Report } from "../../lab/report.ts";
import { downloadReport, reportText } from "../../store/lab.ts";
import { Icon } from "../parts/icon.tsx";

export function Take({ report, ready }: { readonly report: Report | null; readonly ready: boolean }) {
  return (
    <section className="panel finding" aria-label="Findings">
      <div className="row">
        <button type="button" disabled={!report || !ready} onClick={() => report && downloadReport(report)}>
          <Icon name="download" /> Download JSON
        </button>
        <span className="hint">what npm run bench writes, too</span>
      </div>
      {report && ready && (
        <details>
          <summary>As text</summary>
          <pre>{reportText(report)}</pre>
        </details>
      )}
    </section>
  );
}

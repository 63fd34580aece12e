/** What an import took, what it left out and why, in words and then file by file. */
import type { ImportReport } from "../../data/dataset.ts";
import { groupNotes, summarise } from "../../data/report.ts";
import { count } from "../numbers.ts";
import { Modal } from "../parts/modal.tsx";

const SHOWN = 50;

export function Report({ report }: { readonly report: ImportReport }) {
  if (report.warnings.length + report.notes.length === 0) return null;
  return (
    <div className="report">
      {report.warnings.map((warning) => (
        <p key={warning} className="warning">
          {warning}
        </p>
      ))}
      {report.notes.length > 0 && (
        <p className="hint">
          {summarise(report)}{" "}
          <Modal
            title="Import report"
            trigger={
              <button type="button" className="link">
                Which ones
              </button>
            }
          >
            <Notes report={report} />
          </Modal>
        </p>
      )}
    </div>
  );
}

function Notes({ report }: { readonly report: ImportReport }) {
  return (
    <>
      <p>
        {count(report.found)} files looked at, {count(report.taken)} images taken.
      </p>
      {groupNotes(report).map(({ kind, outcome, title, notes }) => (
        <details key={`${outcome} ${kind}`} open={notes.length <= 5}>
          <summary>
            {title}, {outcome}
          </summary>
          <ul>
            {notes.slice(0, SHOWN).map((note) => (
              <li key={`${note.source} ${note.reason}`}>
                <b dir="auto">{note.source}</b>: {note.reason}
              </li>
            ))}
            {notes.length > SHOWN && <li>and {count(notes.length - SHOWN)} more</li>}
          </ul>
        </details>
      ))}
    </>
  );
}

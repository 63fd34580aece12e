/** Start, stop and the state of an analysis that takes a while. */
import type { Task } from "../../store/papertask.ts";
import { percent } from "../numbers.ts";
import { FaultText, Notice } from "../parts/notice.tsx";

interface Props {
  readonly task: Task;
  /** On the button: "Compare directions". */
  readonly action: string;
  readonly again?: string;
  readonly onStart: () => void;
  readonly onStop: () => void;
  /** Why it cannot be started, in a sentence. */
  readonly blocked?: string | null;
}

export function TaskBar({ task: { phase, share, fault }, action, again = "Compute again", onStart, onStop, blocked = null }: Props) {
  return (
    <>
      {phase === "working" ? (
        <>
          <button type="button" onClick={onStop}>
            Stop
          </button>
          <progress aria-label={action} value={share} max={1} />
          <span className="task-share" role="status">
            {percent(share, 0)}
          </span>
        </>
      ) : (
        <button type="button" className={phase === "idle" ? "primary" : ""} disabled={blocked !== null} onClick={onStart}>
          {phase === "idle" ? action : again}
        </button>
      )}
      {blocked && <span className="hint">{blocked}</span>}
      {fault && (
        <Notice kind="error">
          <FaultText title="The analysis did not come to its end" fault={fault} />
        </Notice>
      )}
    </>
  );
}

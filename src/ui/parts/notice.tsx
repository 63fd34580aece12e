/** Something the page has to say: what happened, what is kept, what to do. */
import type { ReactNode } from "react";
import type { Fault } from "../../gpu/device.ts";
import { Icon } from "./icon.tsx";

interface Props {
  readonly kind: "info" | "error";
  readonly onDismiss?: () => void;
  readonly children: ReactNode;
}

export function Notice({ kind, onDismiss, children }: Props) {
  return (
    <div className={`notice ${kind}`} role={kind === "error" ? "alert" : "status"}>
      <div>{children}</div>
      {onDismiss && (
        <button type="button" className="quiet" aria-label="Dismiss" onClick={onDismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

export function FaultText({ title, fault }: { readonly title?: string; readonly fault: Fault }) {
  return (
    <>
      {title && <b>{title}</b>}
      <p>{fault.what}</p>
      <p>
        <span className="tag">Kept</span> {fault.kept}
      </p>
      <p>
        <span className="tag">Next</span> {fault.todo}
      </p>
    </>
  );
}

/** Undo and redo of whatever was done to the images, by button and by key. */
import { useEffect } from "react";
import { redo, undo, useEdits } from "../../store/edits.ts";
import { useImages } from "../../store/images.ts";
import { Icon } from "../parts/icon.tsx";

/** Ctrl+Z and Shift+Ctrl+Z (⌘ on a Mac), wherever no text is being written. */
export function useHistoryKeys(): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || isWriting(event.target)) return;
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) redo();
      else undo();
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

/** Whether the keys belong to a text that is being written. */
function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input:not([type="checkbox"], [type="radio"], [type="range"]), textarea, select');
}

/** Nothing until there is something to take back. */
export function History() {
  const { past, future } = useEdits();
  const busy = useImages(({ importing }) => importing !== null);
  if (past.length + future.length === 0) return null;
  const [last, next] = [past.at(-1)?.name, future.at(-1)?.name];
  return (
    <div className="history">
      <button type="button" className="quiet" disabled={!last || busy} onClick={undo} title="Ctrl+Z">
        <Icon name="undo" />
        <span className="history-name">{last ? `Undo: ${last}` : "Undo"}</span>
      </button>
      {next && (
        <button type="button" className="quiet" disabled={busy} onClick={redo} title="Shift+Ctrl+Z" aria-label={`Redo: ${next}`}>
          <Icon name="redo" />
        </button>
      )}
    </div>
  );
}

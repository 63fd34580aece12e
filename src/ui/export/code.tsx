/** Lines to run elsewhere, with a button that copies them. */
import { useState } from "react";
import { Icon } from "../parts/icon.tsx";

export function Code({ text }: { readonly text: string }) {
  const [said, setSaid] = useState("");
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setSaid("Copied"),
      () => setSaid("Select the lines and copy them"),
    );
  return (
    <details className="code">
      <summary>In Python</summary>
      <div className="row end">
        <span role="status" className="said">
          {said}
        </span>
        <button type="button" className="quiet" onClick={() => void copy()}>
          <Icon name="copy" /> Copy
        </button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard */}
      <pre tabIndex={0}>{text}</pre>
    </details>
  );
}

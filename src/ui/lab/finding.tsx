/** One thing that the lab finds out: a question, what it means, and the answer once there is one. */
import { type ReactNode, useId } from "react";

interface Props {
  readonly title: string;
  readonly says: ReactNode;
  /** Undefined as long as nothing has been found. */
  readonly children: ReactNode | undefined;
}

export function Finding({ title, says, children }: Props) {
  const id = useId();
  return (
    <section className="panel finding" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <p className="lead">{says}</p>
      {children ?? <p className="hint">Not measured yet.</p>}
    </section>
  );
}

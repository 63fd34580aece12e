/** The number of a step; the heading's name is without it. */
export function Badge({ number }: { readonly number: number }) {
  return (
    <span className="number-badge" aria-hidden="true">
      {number}
    </span>
  );
}

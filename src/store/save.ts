/** Gives the person a file. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has begun by then; the memory is wanted back.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

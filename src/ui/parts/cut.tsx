/** A name in one line. Where there is no room for all of it, it is cut before its end, by which numbered files are told apart. */
import "./cut.css";

/** Letters that always stay before the ending of a file's name: some digits. */
const KEPT = 4;
const letters = new Intl.Segmenter();

export function Cut({ name }: { readonly name: string }) {
  const all = Array.from(letters.segment(name), ({ segment }) => segment);
  const ending = /\.[a-z]{3,4}$/i.exec(name)?.[0].length ?? 0;
  const at = Math.max(0, all.length - ending - KEPT);
  return (
    <bdi className="cut">
      {at > 0 && <span>{all.slice(0, at).join("")}</span>}
      <span>{all.slice(at).join("")}</span>
    </bdi>
  );
}

/** Without the folders that it lies in. */
export const baseName = (source: string): string => source.replace(/^.*\//, "");

/** Without its ending, where there is a name before it. */
export const stemOf = (name: string): string => name.replace(/(?<=.)\.[a-z]{3,4}$/i, "");

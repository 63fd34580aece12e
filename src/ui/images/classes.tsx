/** The class table: names to edit, counts as bars, pictures to look at, files to add. */
import { useEffect, useMemo, useRef, useState } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { type ClassRow, classTable } from "../../data/table.ts";
import { drop as dropClasses, film, rename } from "../../store/bench.ts";
import { takeDrop } from "../../store/dropped.ts";
import { importFiles } from "../../store/images.ts";
import { ask } from "../../store/predictions.ts";
import { count } from "../numbers.ts";
import { Choose, useDrop } from "../parts/drop.tsx";
import { Icon } from "../parts/icon.tsx";
import { Modal } from "../parts/modal.tsx";
import { usePixels } from "./pixels.ts";
import { Thumbs } from "./thumbs.tsx";

/** Rows drawn at once; a thousand classes come in pages. */
const PAGE = 60;
const STRIP = 2;

export function Classes({ dataset }: { readonly dataset: Dataset }) {
  const rows = useMemo(() => classTable(dataset), [dataset]);
  const [shown, setShown] = useState(PAGE);
  const most = rows.reduce((largest, row) => Math.max(largest, row.count), 1);
  return (
    <>
      <table className="classes" aria-label="Classes">
        <tbody>
          {rows.slice(0, shown).map((row) => (
            <ClassItem key={row.name} row={row} dataset={dataset} share={row.count / most} />
          ))}
        </tbody>
      </table>
      {rows.length > shown && (
        <button type="button" onClick={() => setShown(shown + 10 * PAGE)}>
          Show more ({count(rows.length - shown)})
        </button>
      )}
    </>
  );
}

interface ItemProps {
  readonly row: ClassRow;
  readonly dataset: Dataset;
  readonly share: number;
}

function ClassItem({ row, dataset, share }: ItemProps) {
  const drop = useDrop((items) => void takeDrop(items, { className: row.name }));
  const first = useMemo(() => row.images.slice(0, STRIP), [row]);
  const strip = usePixels(dataset, first);
  return (
    <tr {...drop}>
      <th scope="row">
        <ClassName name={row.name} />
        <span className="bar" aria-hidden="true">
          <i style={{ width: `${share * 100}%` }} />
        </span>
      </th>
      <td className="class-strip">
        <Modal
          wide
          title={row.name}
          trigger={
            <button type="button" className="strip" aria-label={`Look at the images of ${row.name}`}>
              <Thumbs images={strip} size={dataset.size} places={STRIP} />
            </button>
          }
        >
          <Gallery row={row} dataset={dataset} />
        </Modal>
      </td>
      <td className="class-count">{count(row.count)}</td>
      <td className="class-buttons">
        <button type="button" className="quiet" aria-label={`Webcam for ${row.name}`} onClick={() => film(row.name)}>
          <Icon name="camera" />
        </button>
        <button type="button" className="quiet" aria-label={`Remove class ${row.name}`} onClick={() => dropClasses([row.name])}>
          <Icon name="close" />
        </button>
      </td>
    </tr>
  );
}

function ClassName({ name }: { readonly name: string }) {
  const [renaming, setRenaming] = useState(false);
  if (!renaming) {
    return (
      // Names come in every script, and each should start on its own side.
      <button type="button" dir="auto" className="class-name" title={`${name}: click to rename`} onClick={() => setRenaming(true)}>
        <span className="clamp">{name}</span>
      </button>
    );
  }
  return <NewName name={name} onDone={() => setRenaming(false)} />;
}

function NewName({ name, onDone }: { readonly name: string; readonly onDone: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(name);
  // It takes the place of the button that was pressed, and so its focus.
  useEffect(() => input.current?.select(), []);
  const commit = () => {
    onDone();
    if (text.trim() && text !== name) rename(name, text);
  };
  return (
    <input
      ref={input}
      className="class-name"
      aria-label={`New name of class ${name}`}
      dir="auto"
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === "Enter") commit();
        if (event.key === "Escape") onDone();
      }}
    />
  );
}

function Gallery({ row, dataset }: { readonly row: ClassRow; readonly dataset: Dataset }) {
  const [shown, setShown] = useState(120);
  const images = useMemo(() => row.images.slice(0, shown), [row, shown]);
  const pixels = usePixels(dataset, images);
  return (
    <>
      <div className="row">
        <p className="hint">
          As the model sees them, {dataset.size} × {dataset.size} pixels. Choose one to ask every method about it.
        </p>
        <Choose accept="image/*,.zip" onChoose={(files) => void importFiles(files, row.name)}>
          <Icon name="plus" /> Add images
        </Choose>
      </div>
      <div className="gallery">
        {images.map((image, at) => {
          const name = dataset.sources[image] ?? "";
          const own = pixels[at];
          return (
            <button
              key={image}
              type="button"
              title={name}
              aria-label={`Ask about ${name}`}
              onClick={() => own && ask({ name, pixels: own.slice(), size: dataset.size, truth: row.name })}
            >
              <Thumbs images={own ? [own] : []} places={1} size={dataset.size} />
            </button>
          );
        })}
      </div>
      {row.images.length > shown && (
        <button type="button" onClick={() => setShown(shown + 480)}>
          Show more ({count(row.images.length - shown)})
        </button>
      )}
    </>
  );
}

/** For loose files that lie in no class folder. */
export function NewClass({ first }: { readonly first: boolean }) {
  const [name, setName] = useState("");
  return (
    <div className={`row new-class ${first ? "first" : ""}`}>
      <input
        aria-label="Name of a new class"
        placeholder={first ? "or name a class" : "new class"}
        dir="auto"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <Choose
        accept="image/*,.zip"
        disabled={name.trim() === ""}
        onChoose={(files) => {
          void importFiles(files, name);
          setName("");
        }}
      >
        <Icon name="plus" /> Images
      </Choose>
      <button type="button" aria-label="Webcam" disabled={name.trim() === ""} onClick={() => film(name.trim())}>
        <Icon name="camera" />
      </button>
    </div>
  );
}

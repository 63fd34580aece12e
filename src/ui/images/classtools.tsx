/** What can be done with the chosen classes, and a new one. */
import { useState } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { add, drop, film, merge, rename, useBench } from "../../store/bench.ts";
import { importFiles } from "../../store/images.ts";
import { Choose } from "../parts/drop.tsx";
import { Icon } from "../parts/icon.tsx";
import { Picker } from "./picker.tsx";

export function ClassTools({ dataset }: { readonly dataset: Dataset }) {
  const chosen = useBench((bench) => bench.chosen);
  const names = dataset.classes.filter((name) => chosen.has(name));
  const [only] = names;
  return (
    <div className="class-tools">
      {names.length === 1 && only !== undefined && (
        <>
          <OneName
            key={only}
            label={`New name of ${only}`}
            initial={only}
            verb="Rename"
            onName={(name) => name !== only && rename(only, name)}
          />
          <div className="row">
            <Choose accept="image/*,.zip" onChoose={(files) => void importFiles(files, only)}>
              <Icon name="plus" /> Images
            </Choose>
            <button type="button" onClick={() => film(only)}>
              <Icon name="camera" /> Webcam
            </button>
            <button type="button" onClick={() => drop([only])}>
              Remove
            </button>
          </div>
        </>
      )}
      {names.length > 1 && (
        <div className="row">
          <Picker classes={names} onPick={(name) => merge(names, name)}>
            Merge {names.length} into … <Icon name="down" />
          </Picker>
          <button type="button" onClick={() => drop(names)}>
            Remove {names.length}
          </button>
        </div>
      )}
      <OneName label="Name of a new class" initial="" verb="Add class" onName={add} />
    </div>
  );
}

interface NameProps {
  readonly label: string;
  readonly initial: string;
  readonly verb: string;
  readonly onName: (name: string) => void;
}

function OneName({ label, initial, verb, onName }: NameProps) {
  const [text, setText] = useState(initial);
  return (
    <form
      className="row one-name"
      onSubmit={(event) => {
        event.preventDefault();
        if (!text.trim()) return;
        onName(text);
        setText(initial);
      }}
    >
      <input aria-label={label} placeholder={label} dir="auto" value={text} onChange={(event) => setText(event.target.value)} />
      <button type="submit" disabled={!text.trim() || text.trim() === initial}>
        {verb}
      </button>
    </form>
  );
}

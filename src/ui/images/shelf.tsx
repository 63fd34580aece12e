/** The images of the chosen classes: filters, what can be done with those that are chosen, and the grid. */
import { AlertDialog, DropdownMenu } from "radix-ui";
import { useDeferredValue, useMemo, useState } from "react";
import type { Dataset, Part } from "../../data/dataset.ts";
import { PLACES } from "../../data/surveyor.ts";
import type { Places } from "../../data/surveyworker.ts";
import { assign, discard, move, PLACE_WORDS, useBench } from "../../store/bench.ts";
import { count, plural } from "../numbers.ts";
import { Icon } from "../parts/icon.tsx";
import { Grid } from "./grid.tsx";
import { Picker } from "./picker.tsx";

interface Props {
  readonly dataset: Dataset;
  readonly places: Places | null;
  readonly chosen: ReadonlySet<number>;
  readonly onChoose: (images: ReadonlySet<number>) => void;
}

export function Shelf({ dataset, places, chosen, onChoose }: Props) {
  const classes = useBench((bench) => bench.chosen);
  const [search, setSearch] = useState("");
  const [place, setPlace] = useState(-1);
  const wanted = useDeferredValue(search.trim().toLowerCase());
  const shown = useMemo(() => {
    const taken = dataset.classes.map((name) => classes.size === 0 || classes.has(name));
    const fits = (label: number, image: number) =>
      taken[label] && (place < 0 || places?.[image] === place) && (!wanted || dataset.sources[image]?.toLowerCase().includes(wanted));
    return Array.from(dataset.labels.keys()).filter((image) => fits(dataset.labels[image] ?? 0, image));
  }, [dataset, classes, place, places, wanted]);
  const [only] = classes;
  const where = classes.size === 0 ? "all classes" : classes.size === 1 ? `${only}` : `${classes.size} classes`;
  return (
    <>
      <div className="row bench-tools">
        <input
          type="search"
          aria-label="Search images by name"
          placeholder="search by name"
          value={search}
          onChange={(event) => setSearch(event.target.value)}
        />
        <select aria-label="Part" value={place} disabled={!places} onChange={(event) => setPlace(Number(event.target.value))}>
          <option value={-1}>all parts</option>
          {[1, 2, 3, 0].map((index) => (
            <option key={index} value={index}>
              {PLACE_WORDS[PLACES[index] ?? "spare"]}
              {index === 3 ? " (locked)" : ""}
            </option>
          ))}
        </select>
        <button type="button" disabled={shown.length === 0} onClick={() => onChoose(new Set(shown))}>
          Select all
        </button>
        <span className="hint" role="status">
          {plural(shown.length, "image")} of {where}
          {chosen.size > 0 && `, ${count(chosen.size)} selected`}
        </span>
      </div>
      <Actions dataset={dataset} places={places} chosen={chosen} />
      <Grid
        label={`Images of ${where}`}
        dataset={dataset}
        images={shown}
        places={places}
        chosen={chosen}
        onChoose={onChoose}
        onDelete={() => discard([...chosen])}
      />
      <About dataset={dataset} places={places} chosen={chosen} />
    </>
  );
}

const PARTS: readonly (readonly [Part | null, string])[] = [
  ["train", "Training"],
  ["validation", "Validation"],
  ["test", "Test"],
  [null, "As the split draws it"],
];

function Actions({ dataset, places, chosen }: Omit<Props, "onChoose">) {
  const images = [...chosen];
  /** A part that was asked for and touches the test set. */
  const [asked, setAsked] = useState<Part | null | undefined>(undefined);
  const put = (part: Part | null) => {
    if (!places) return;
    const test = PLACES.indexOf("test");
    const touches = images.some((image) => (places[image] === test) !== (part === "test"));
    // Leaving all to the split again is no choice of anybody's.
    if (touches && (part !== null || images.some((image) => dataset.parts?.[image] === "test"))) setAsked(part);
    else assign(images, part, places);
  };
  return (
    <div className="row bench-tools">
      <Picker classes={dataset.classes} disabled={images.length === 0} onPick={(name) => move(images, name)}>
        Move to … <Icon name="down" />
      </Picker>
      <DropdownMenu.Root>
        <DropdownMenu.Trigger asChild>
          <button type="button" disabled={images.length === 0 || !places}>
            Part <Icon name="down" />
          </button>
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content className="popover menu" sideOffset={4} collisionPadding={12}>
            {PARTS.map(([part, words]) => (
              <DropdownMenu.Item key={words} className="menu-item" onSelect={() => put(part)}>
                {words}
                {part === "test" && <Icon name="lock" />}
              </DropdownMenu.Item>
            ))}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      <button type="button" disabled={images.length === 0} onClick={() => discard(images)}>
        Delete
      </button>
      <AlertDialog.Root open={asked !== undefined} onOpenChange={(open) => !open && setAsked(undefined)}>
        <AlertDialog.Portal>
          <AlertDialog.Overlay className="overlay asking-overlay" />
          <AlertDialog.Content className="modal asking-modal">
            <div className="modal-head">
              <AlertDialog.Title>Change the test set?</AlertDialog.Title>
            </div>
            <div className="modal-body">
              <AlertDialog.Description>
                The test set is locked so that it says how a model does on images that nobody chose. Moved by hand, it is no longer
                untouched: accuracies from before and after do not compare. The other images stay in their parts.
              </AlertDialog.Description>
              <div className="row end">
                <AlertDialog.Cancel asChild>
                  <button type="button">Leave it as it is</button>
                </AlertDialog.Cancel>
                <AlertDialog.Action asChild>
                  <button type="button" className="primary" onClick={() => places && asked !== undefined && assign(images, asked, places)}>
                    Change it
                  </button>
                </AlertDialog.Action>
              </div>
            </div>
          </AlertDialog.Content>
        </AlertDialog.Portal>
      </AlertDialog.Root>
    </div>
  );
}

/** What is known of the one image that is chosen. */
function About({ dataset, places, chosen }: Omit<Props, "onChoose">) {
  const [image] = chosen;
  if (image === undefined || chosen.size > 1) {
    return (
      <p className="hint bench-about">
        {places && (
          <>
            <Icon name="lock" /> marks a test image.{" "}
          </>
        )}
        Space or Ctrl+click selects, Shift selects a range, Delete moves to the bin. Drag onto a class to move.
      </p>
    );
  }
  const part = places && PLACES[places[image] ?? 0];
  const fixed = dataset.parts?.[image] ? ", fixed" : "";
  return (
    <p className="hint bench-about">
      <bdi>{dataset.sources[image]}</bdi> · class <bdi>{dataset.classes[dataset.labels[image] ?? 0]}</bdi>
      {part && ` · ${PLACE_WORDS[part]}${fixed}`} · {dataset.size} × {dataset.size} pixels as the model sees it
    </p>
  );
}

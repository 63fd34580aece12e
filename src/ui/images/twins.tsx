/** Groups of images that look the same: those first that lie on both sides of a measurement. */
import { useEffect, useId, useMemo, useState } from "react";
import type { Dataset } from "../../data/dataset.ts";
import { PLACES } from "../../data/surveyor.ts";
import type { Places } from "../../data/surveyworker.ts";
import { LIKENESS, type TwinGroup } from "../../data/twins.ts";
import { discard, PLACE_WORDS } from "../../store/bench.ts";
import { findTwins, useSurvey } from "../../store/survey.ts";
import { count, plural } from "../numbers.ts";
import { baseName } from "../parts/cut.tsx";
import { Icon } from "../parts/icon.tsx";
import { usePixels } from "./pixels.ts";
import { useRows } from "./rows.ts";
import { Picture } from "./thumbs.tsx";

/** In rem. */
const TALL = 10.5;
const SHOWN = 12;

/** A group as it stands in the set. */
interface Twinned extends TwinGroup {
  readonly leaks: boolean;
  readonly classes: readonly string[];
}

function placed(groups: readonly TwinGroup[], dataset: Dataset, places: Places): Twinned[] {
  const [train, validation, test] = (["train", "validation", "test"] as const).map((place) => PLACES.indexOf(place));
  const told = groups.map((group) => {
    const own = new Set(group.images.map((image) => places[image]));
    // Spare images are not trained on today, but with another amount they are.
    const trained = own.has(train) || own.has(0);
    const leaks = (own.has(test) && (trained || own.has(validation))) || (own.has(validation) && trained);
    return { ...group, leaks, classes: [...new Set(group.images.map((image) => dataset.classes[dataset.labels[image] ?? 0] ?? ""))] };
  });
  return told.sort(
    (a, b) => Number(b.leaks) - Number(a.leaks) || b.images.length - a.images.length || (a.images[0] ?? 0) - (b.images[0] ?? 0),
  );
}

const extra = ({ images, kept }: TwinGroup): number[] => images.filter((image) => !kept.includes(image));

export function Twins({ dataset, places }: { readonly dataset: Dataset; readonly places: Places | null }) {
  const { groups, groupsOf, limit, searching } = useSurvey();
  const [passed, setPassed] = useState<ReadonlySet<string>>(new Set());
  const [likeness, setLikeness] = useState(limit);
  // The parts are wanted first: they decide which copy is kept.
  const ready = places !== null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a changed set is searched again
  useEffect(() => {
    if (ready) void findTwins(likeness);
  }, [ready, likeness, dataset]);
  const shown = useMemo(
    () =>
      groups && places && groupsOf === dataset ? placed(groups, dataset, places).filter((group) => !passed.has(keyOf(group, dataset))) : [],
    [groups, groupsOf, dataset, places, passed],
  );
  const leaking = shown.filter((group) => group.leaks).length;
  const all = shown.flatMap(extra);
  const id = useId();
  return (
    <>
      <div className="row bench-tools twins-tools">
        <label htmlFor={id}>How different twins may be</label>
        <input
          id={id}
          type="range"
          min={0}
          max={LIKENESS.max}
          value={likeness}
          aria-valuetext={`${likeness} of 64 bits`}
          onChange={(event) => setLikeness(Number(event.target.value))}
        />
        <span className="hint">{likeness} of 64 bits</span>
        <button type="button" disabled={all.length === 0} onClick={() => discard(all)}>
          Keep the first of each, delete {count(all.length)}
        </button>
      </div>
      {searching !== null ? (
        <div className="bench-tools">
          <p role="status">Comparing the images …</p>
          <progress aria-label="Comparison" value={searching} />
        </div>
      ) : (
        <p role="status" className="bench-tools">
          {shown.length === 0 ? "No images look the same." : `${plural(shown.length, "group")} of images that look the same.`}
          {leaking > 0 && (
            <b className="leak">
              {" "}
              {count(leaking)} {leaking === 1 ? "lies" : "lie"} on both sides of a measurement: what is trained on is then measured on, and
              accuracies come out too high.
            </b>
          )}
        </p>
      )}
      <Groups groups={shown} dataset={dataset} places={places} onPass={(group) => setPassed(new Set(passed).add(keyOf(group, dataset)))} />
    </>
  );
}

/** Stays the same when other images go. */
const keyOf = ({ images }: TwinGroup, { sources }: Dataset): string => images.map((image) => sources[image]).join("\n");

interface GroupsProps {
  readonly groups: readonly Twinned[];
  readonly dataset: Dataset;
  readonly places: Places | null;
  readonly onPass: (group: TwinGroup) => void;
}

function Groups({ groups, dataset, places, onPass }: GroupsProps) {
  const { scroller, virtual } = useRows(groups.length, TALL, 3);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard
    <section ref={scroller} className="grid" aria-label="Groups that look the same" tabIndex={0}>
      <ul className="grid-rows" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const group = groups[index];
          return (
            group && (
              <li
                key={keyOf(group, dataset)}
                className="twins"
                style={{ transform: `translateY(${start}px)` }}
                aria-setsize={groups.length}
                aria-posinset={index + 1}
              >
                <Group group={group} dataset={dataset} places={places} onPass={() => onPass(group)} />
              </li>
            )
          );
        })}
      </ul>
    </section>
  );
}

interface GroupProps {
  readonly group: Twinned;
  readonly dataset: Dataset;
  readonly places: Places | null;
  readonly onPass: () => void;
}

function Group({ group, dataset, places, onPass }: GroupProps) {
  const first = useMemo(() => group.images.slice(0, SHOWN), [group]);
  const pixels = usePixels(dataset, first);
  const gone = extra(group);
  const parts = [...new Set(group.images.map((image) => places?.[image] ?? 0))].map((place) => PLACE_WORDS[PLACES[place] ?? "spare"]);
  return (
    <>
      <div className="row twins-head">
        {group.leaks && (
          <b className="leak">
            <Icon name="lock" /> in {parts.join(" and ")}
          </b>
        )}
        <span>
          {plural(group.images.length, "image")} of <bdi>{group.classes.join(", ")}</bdi>
        </span>
        {group.classes.length > 1 && <b className="leak">in {group.classes.length} classes</b>}
        <button type="button" onClick={() => discard(gone)}>
          Keep {count(group.kept.length)}, delete {count(gone.length)}
        </button>
        <button type="button" className="quiet" onClick={onPass}>
          Keep all
        </button>
      </div>
      <ul className="twins-row">
        {first.map((image, at) => {
          const place = PLACES[places?.[image] ?? 0] ?? "spare";
          return (
            <li key={image} className={`twin ${group.kept.includes(image) ? "kept" : ""}`} title={dataset.sources[image]}>
              <Picture
                pixels={pixels[at]}
                size={dataset.size}
                label={`${baseName(dataset.sources[image] ?? "")}, ${dataset.classes[dataset.labels[image] ?? 0]}, ${PLACE_WORDS[place]}`}
              />
              <span className="cell-name" aria-hidden="true">
                {place === "test" && <Icon name="lock" />}
                {PLACE_WORDS[place]}
              </span>
            </li>
          );
        })}
        {group.images.length > SHOWN && <li className="hint">and {count(group.images.length - SHOWN)} more</li>}
      </ul>
    </>
  );
}

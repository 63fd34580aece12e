/** The images on which two lanes part. */
import { useMemo, useState } from "react";
import { type Parting, partings } from "../../analysis/mistakes.ts";
import type { Answered } from "../../store/inside.ts";
import type { Look } from "../look.ts";
import { count, plural } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Gallery } from "./gallery.tsx";
import { WithAnswers } from "./shell.tsx";
import { saidOf } from "./words.ts";

export default function DisagreementsView() {
  return (
    <WithAnswers>
      {(answered, looks) =>
        looks.length > 1 ? <Parted answered={answered} looks={looks} /> : <p>There is one lane: add a second method, and train.</p>
      }
    </WithAnswers>
  );
}

function Parted({ answered, looks }: { readonly answered: Answered; readonly looks: readonly Look[] }) {
  const { dataset, truth, images, lanes } = answered;
  const [first, setFirst] = useState(0);
  const [second, setSecond] = useState(1);
  const [group, setGroup] = useState<keyof Parting>("onlyA");
  const [a, b] = [lanes[first]?.answers, lanes[second]?.answers];
  const parted = useMemo(() => (a && b ? partings(truth, a, b) : undefined), [truth, a, b]);
  const names = looks.map(({ name }) => name);
  const [nameA = "", nameB = ""] = [names[first], names[second]];
  const tiles = useMemo(() => {
    if (!parted || !a || !b) return [];
    const said = (name: string, { predicted, confidence }: typeof a, i: number) =>
      `${name} ${saidOf(dataset.classes[predicted[i] as number], confidence[i] as number)}`;
    return parted[group].map((i) => ({
      image: images[i] as number,
      lines: [said(nameA, a, i), said(nameB, b, i), `is ${dataset.classes[truth[i] as number]}`],
    }));
  }, [parted, group, a, b, nameA, nameB, dataset, images, truth]);
  const groups: readonly (readonly [keyof Parting, string])[] = [
    ["onlyA", `only ${nameA} right`],
    ["onlyB", `only ${nameB} right`],
    ["bothWrong", "both wrong, in different ways"],
  ];
  if (first === second || !parted) return <Pair names={names} first={first} second={second} onFirst={setFirst} onSecond={setSecond} />;
  return (
    <>
      {looks.length > 2 && <Pair names={names} first={first} second={second} onFirst={setFirst} onSecond={setSecond} />}
      <fieldset className="lane-choice" aria-label="Kind of disagreement">
        {groups.map(([id, name]) => (
          <label key={id}>
            <input type="radio" name="parting" checked={group === id} onChange={() => setGroup(id)} />
            {name}: <b>{count(parted[id].length)}</b>
          </label>
        ))}
      </fieldset>
      <p role="status">
        {nameA} and {nameB} answer {plural(parted.onlyA.length + parted.onlyB.length + parted.bothWrong.length, "image")} of{" "}
        {count(images.length)} differently. McNemar's test of the verdict compares the first two numbers.
      </p>
      <Gallery dataset={dataset} label={groups.find(([id]) => id === group)?.[1] ?? ""} tiles={tiles} />
    </>
  );
}

interface PairProps {
  readonly names: readonly string[];
  readonly first: number;
  readonly second: number;
  readonly onFirst: (lane: number) => void;
  readonly onSecond: (lane: number) => void;
}

function Pair({ names, first, second, onFirst, onSecond }: PairProps) {
  return (
    <div className="row">
      <ChoiceField label="Compare" choices={names} value={first} onChange={onFirst} />
      <ChoiceField label="with" choices={names} value={second} onChange={onSecond} />
      {first === second && <p className="hint">Choose two different lanes.</p>}
    </div>
  );
}

/** What a lane was surest of and wrong about, and what all lanes got wrong. */
import { useMemo, useState } from "react";
import { sharedMistakes } from "../../analysis/mistakes.ts";
import type { Answered } from "../../store/inside.ts";
import type { Look } from "../look.ts";
import { plural } from "../numbers.ts";
import { Gallery } from "./gallery.tsx";
import { LaneChoice, useChosenLane, WithAnswers } from "./shell.tsx";
import { saidOf } from "./words.ts";

export default function MistakesView() {
  return <WithAnswers>{(answered, looks) => <Mistakes answered={answered} looks={looks} />}</WithAnswers>;
}

function Mistakes({ answered, looks }: { readonly answered: Answered; readonly looks: readonly Look[] }) {
  const { dataset, truth, images, lanes } = answered;
  const lane = useChosenLane(looks);
  const [together, setTogether] = useState(false);
  const asked = useMemo(
    () => lanes.map((one, index) => ({ ...one, index })).filter(({ index }) => together || index === lane),
    [lanes, lane, together],
  );
  const tiles = useMemo(() => {
    const said = asked.map(({ answers }) => answers);
    return sharedMistakes(truth, said).map((i) => ({
      image: images[i] as number,
      lines: [
        ...asked.map(({ index, answers: { predicted, confidence } }) => {
          const who = together ? `${looks[index]?.name} ` : "";
          return `${who}${saidOf(dataset.classes[predicted[i] as number], confidence[i] as number)}`;
        }),
        `is ${dataset.classes[truth[i] as number]}`,
      ],
    }));
  }, [asked, together, truth, images, dataset, looks]);
  const who = together ? "All lanes were wrong" : `${looks[lane]?.name} was wrong`;
  const sure = together && lanes.length > 1 ? "first those of which even the least sure lane was sure" : "the surest mistake first";
  return (
    <>
      <div className="row">
        <LaneChoice looks={looks} value={lane} />
        {lanes.length > 1 && (
          <label className="check">
            <input type="checkbox" checked={together} onChange={(event) => setTogether(event.target.checked)} />
            All lanes wrong
          </label>
        )}
      </div>
      <p role="status">
        {who} on {plural(tiles.length, "image")} of {images.length}
        {tiles.length > 1 ? `; ${sure}.` : "."}
      </p>
      <Gallery dataset={dataset} label={together ? "Mistakes of all lanes" : `Mistakes of ${looks[lane]?.name}`} tiles={tiles} />
    </>
  );
}

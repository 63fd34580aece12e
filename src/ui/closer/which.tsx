/** What the views are about: of several seeds the one that is shown, the images that were asked about, and when. */
import { useAnswered } from "../../store/inside.ts";
import { useRace } from "../../store/race.ts";
import { useStudy } from "../../store/studies.ts";
import { count, plural } from "../numbers.ts";

export function Which({ ofAnswers }: { readonly ofAnswers: boolean }) {
  const seed = useRace(({ config }) => config?.seed);
  const seeds = useStudy()?.seeds ?? [];
  const answered = useAnswered();
  const at = seed === undefined ? -1 : seeds.indexOf(seed);
  const shown = [
    ...(seeds.length > 1 && at >= 0 ? [`seed ${at + 1} of ${seeds.length}`] : []),
    ...(ofAnswers && answered
      ? [
          plural(answered.images.length, `${answered.part} image`),
          answered.step === 0 ? "before the first step" : `after step ${count(answered.step)}`,
        ]
      : []),
  ].join(", ");
  return shown === "" ? null : <p className="hint">{`${shown.charAt(0).toUpperCase()}${shown.slice(1)}`}</p>;
}

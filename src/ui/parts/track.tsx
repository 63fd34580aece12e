/** The slider beside a number. Fetched with the first panel of settings that is opened. */
import { Slider } from "radix-ui";
import type { Field } from "../../adapters/adapter.ts";
import { spansDecades } from "./decades.ts";

interface Props {
  readonly field: Field;
  readonly value: number;
  readonly onChange: (value: number) => void;
}

const STOPS = 200;

export default function Track({ field, value, onChange }: Props) {
  const logarithmic = spansDecades(field);
  // Where zero is allowed the first stop is zero and the rest are decades.
  const least = field.min > 0 ? field.min : field.step;
  const toStop = (number: number) =>
    logarithmic
      ? Math.round((STOPS * Math.log(Math.max(number, least) / least)) / Math.log(field.max / least))
      : Math.round((STOPS * (number - field.min)) / (field.max - field.min));
  const toNumber = (stop: number) => {
    if (stop === 0) return field.min;
    const exact = logarithmic ? least * (field.max / least) ** (stop / STOPS) : field.min + (stop / STOPS) * (field.max - field.min);
    return tidy(field, exact, logarithmic);
  };
  return (
    <Slider.Root className="slider" min={0} max={STOPS} value={[toStop(value)]} onValueChange={([stop = 0]) => onChange(toNumber(stop))}>
      <Slider.Track className="slider-track">
        <Slider.Range className="slider-range" />
      </Slider.Track>
      <Slider.Thumb className="slider-thumb" aria-label={`${field.label}, slider`} aria-valuetext={String(value)} />
    </Slider.Root>
  );
}

function tidy(field: Field, value: number, logarithmic: boolean): number {
  const stepped = Math.round(value / field.step) * field.step;
  return Number((logarithmic && !Number.isInteger(field.step) ? value : stepped).toPrecision(logarithmic ? 2 : 6));
}

/** A number one types or drags. It takes effect on Enter, on leaving the field and on every move of the slider. */
import { Slider } from "radix-ui";
import { useEffect, useId, useState } from "react";
import type { Field } from "../../adapters/adapter.ts";

interface Props {
  readonly field: Field;
  readonly value: number;
  readonly onChange: (value: number) => void;
  /** Beside the number; its track is logarithmic where the range spans decades. */
  readonly slider?: boolean;
  readonly showHelp?: boolean;
}

const STOPS = 200;

export function NumberField({ field, value, onChange, slider = false, showHelp = false }: Props) {
  const id = useId();
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);

  const commit = () => {
    const typed = Number(text);
    if (text.trim() !== "" && Number.isFinite(typed) && typed !== value) onChange(typed);
    else setText(String(value));
  };
  return (
    <div className={`number-field ${slider ? "with-slider" : ""}`}>
      <label htmlFor={id} title={showHelp ? undefined : field.help}>
        {field.label}
      </label>
      {slider && <Track field={field} value={value} onChange={onChange} />}
      <input
        id={id}
        className="number"
        inputMode="decimal"
        autoComplete="off"
        value={text}
        aria-describedby={showHelp ? `${id}-help` : undefined}
        onChange={(event) => setText(event.target.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter") commit();
          const direction = event.key === "ArrowUp" ? 1 : event.key === "ArrowDown" ? -1 : 0;
          if (direction !== 0) {
            event.preventDefault();
            onChange(nudge(field, value, direction));
          }
        }}
      />
      {showHelp && (
        <p id={`${id}-help`} className="help">
          {field.help}
        </p>
      )}
    </div>
  );
}

function Track({ field, value, onChange }: Props) {
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

function spansDecades({ min, max, step }: Field): boolean {
  return max / (min > 0 ? min : step) > 200;
}

function tidy(field: Field, value: number, logarithmic: boolean): number {
  const stepped = Math.round(value / field.step) * field.step;
  return Number((logarithmic && !Number.isInteger(field.step) ? value : stepped).toPrecision(logarithmic ? 2 : 6));
}

/** Decades are walked in tenths of the number, other ranges in steps of the field. */
function nudge(field: Field, value: number, direction: 1 | -1): number {
  if (Number.isInteger(field.step)) return value + direction * field.step;
  if (!spansDecades(field)) return Number((value + direction * field.step).toPrecision(6));
  return Number((value * (direction > 0 ? 1.25 : 0.8)).toPrecision(2));
}

/** A number one types or drags. It takes effect on Enter, on leaving the field and on every move of the slider. */
import { Suspense, useEffect, useId, useState } from "react";
import type { Field } from "../../adapters/adapter.ts";
import { spansDecades } from "./decades.ts";
import { later } from "./later.tsx";

const Track = later(() => import("./track.tsx"));

interface Props {
  readonly field: Field;
  readonly value: number;
  readonly onChange: (value: number) => void;
  /** Beside the number; its track is logarithmic where the range spans decades. */
  readonly slider?: boolean;
  readonly showHelp?: boolean;
}

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
      {slider && (
        <Suspense fallback={<span className="slider" />}>
          <Track field={field} value={value} onChange={onChange} />
        </Suspense>
      )}
      <input
        id={id}
        className="number"
        inputMode="decimal"
        autoComplete="off"
        value={text}
        aria-describedby={`${id}-help`}
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
      {/* Where there is no room for it, it is still told to who cannot see the label's title. */}
      <p id={`${id}-help`} className="help" hidden={!showHelp}>
        {field.help}
      </p>
    </div>
  );
}

/** Decades are walked in tenths of the number, other ranges in steps of the field. */
function nudge(field: Field, value: number, direction: 1 | -1): number {
  if (Number.isInteger(field.step)) return value + direction * field.step;
  if (!spansDecades(field)) return Number((value + direction * field.step).toPrecision(6));
  return Number((value * (direction > 0 ? 1.25 : 0.8)).toPrecision(2));
}

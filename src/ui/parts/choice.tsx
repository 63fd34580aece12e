/** One of a few named values. */
import { useId } from "react";

interface Props {
  readonly label: string;
  readonly help?: string;
  readonly choices: readonly string[];
  /** Index of the chosen one. */
  readonly value: number;
  readonly onChange: (value: number) => void;
}

export function ChoiceField({ label, help, choices, value, onChange }: Props) {
  const id = useId();
  return (
    <div className="choice-field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-describedby={help ? `${id}-help` : undefined}
        onChange={(event) => onChange(Number(event.target.value))}
      >
        {choices.map((choice, index) => (
          <option key={choice} value={index}>
            {choice}
          </option>
        ))}
      </select>
      {help && (
        <p id={`${id}-help`} className="help">
          {help}
        </p>
      )}
    </div>
  );
}

/** Which layers of a tower are adapted: by the names they have in every block, or by a pattern as in PEFT. */
import { useId, useState } from "react";
import { TARGETS } from "../../store/config.ts";
import { useModels } from "../../store/models.ts";
import { useSetup } from "../../store/setup.ts";
import { countTower, MAX_PATTERN, namesIn, parseTargets, problemOf, type TowerName, writeTargets } from "../../store/targets.ts";
import { plural } from "../numbers.ts";

const WORDS: Readonly<Record<string, string>> = { q: "query", k: "key", v: "value", out: "output", fc1: "MLP in", fc2: "MLP out" };

interface Props {
  readonly tower: TowerName;
  readonly legend: string;
}

export function TargetFields({ tower, legend }: Props) {
  const { config, toggleTarget } = useSetup();
  const known = useModels(({ known }) => known.has(config.model));
  const targets = config.targets[tower];
  const names = namesIn(targets);
  const there = TARGETS.filter((name) => !known || countTower(config.model, tower, [name]) > 0);
  const matched = countTower(config.model, tower, targets);
  return (
    <fieldset>
      <legend>{legend}</legend>
      <div className="checks">
        {there.map((target) => (
          <label key={target} className="check">
            <input type="checkbox" checked={names?.includes(target) ?? false} onChange={() => toggleTarget(tower, target)} />
            {target} <span className="hint">{WORDS[target]}</span>
          </label>
        ))}
      </div>
      {tower === "text" && (
        <p className="hint">
          {targets.length > 0
            ? "The class prompts are embedded anew in every step: slower, and the words learn too."
            : "None: the class prompts are embedded once, before the race."}
        </p>
      )}
      <details className="pattern" open={names === undefined}>
        <summary>Pattern, as in PEFT</summary>
        <Pattern tower={tower} />
      </details>
      {known && <p className="hint">{plural(matched, "layer")} adapted</p>}
    </fieldset>
  );
}

/** Takes effect as soon as it can be read; until then the layers stay as they were. */
function Pattern({ tower }: Pick<Props, "tower">) {
  const { config, setTargets } = useSetup();
  const id = useId();
  const current = writeTargets(config.targets[tower]);
  const [draft, setDraft] = useState<string>();
  const text = draft ?? (namesIn(config.targets[tower]) ? "" : current);
  const wanted = parseTargets(text);
  const problem = problemOf(wanted);
  const write = (typed: string) => {
    setDraft(typed);
    const targets = parseTargets(typed);
    if (targets.length > 0 && problemOf(targets) === undefined) setTargets(tower, targets);
  };
  return (
    <div className="prompt">
      <label htmlFor={id}>Modules or regular expression</label>
      <input
        id={id}
        spellCheck={false}
        autoComplete="off"
        maxLength={MAX_PATTERN}
        placeholder={tower === "image" ? "q_proj, v_proj" : ".*layers\\.1[01]\\..*_proj"}
        value={text}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-help`}
        onChange={(event) => write(event.target.value)}
        onBlur={() => problem === undefined && setDraft(undefined)}
      />
      {problem !== undefined && (
        <span role="alert" className="warning">
          {problem}
        </span>
      )}
      <span id={`${id}-help`} className="help">
        Names are the last parts of a module's path; an expression must match the whole path.
      </span>
    </div>
  );
}

/** One lane: a chip that says what it is and opens its settings. */
import { Popover } from "radix-ui";
import { Fragment } from "react";
import { useAdopted } from "../../store/adopted.ts";
import { RATE } from "../../store/config.ts";
import type { Nearness } from "../../store/matching.ts";
import { completeSettings, findMethod } from "../../store/methods.ts";
import { useSetup } from "../../store/setup.ts";
import type { LaneConfig } from "../../train/run.ts";
import { type Look, settingText, titleOf } from "../look.ts";
import { count, plain, short } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Icon } from "../parts/icon.tsx";
import { NumberField } from "../parts/number.tsx";
import { Swatch } from "../parts/swatch.tsx";
import { Caution } from "../race/cautions.tsx";
import { AdapterRows } from "./adopt.tsx";

interface Props {
  readonly index: number;
  readonly lane: LaneConfig;
  readonly look: Look;
  readonly parameters: number;
  readonly near: Nearness | undefined;
}

/** Settings on the chip; the rest is in its panel. */
const ON_CHIP = 2;

export function Lane({ index, lane, look, parameters, near }: Props) {
  const { match, removeLane } = useSetup();
  const held = useAdopted(({ held }) => (lane.adapter === undefined ? undefined : held.get(lane.adapter)));
  const settings = Object.entries(completeSettings(lane.method, lane.settings));
  const size = held?.facts.parameters ?? parameters;
  const lost = !held ? "drop its adapter again" : held.fault ? "does not fit this model" : "";
  return (
    <li className="chip lane" style={{ borderColor: look.color }}>
      <Popover.Root>
        <Popover.Trigger className="chip-open">
          <span className="unseen">Settings of </span>
          <Swatch look={look} />
          <b style={{ color: look.color }}>{titleOf(lane.method)}</b>
          {settings.slice(0, ON_CHIP).map(([name, value]) => (
            <span key={name}>{settingText(lane.method, name, value)}</span>
          ))}
          <span>lr {plain(lane.lr)}</span>
          {size > 0 && <span className="hint">{short(size)}</span>}
          {near && near.kind !== "first" && <span className="hint">{nearText(near)}</span>}
          {lane.adapter !== undefined && <span className={lost ? "lost" : "hint"}>{lost || `from ${lane.adapter}`}</span>}
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Content className="popover settings" sideOffset={6} collisionPadding={12} aria-label={`Settings of ${look.label}`}>
            <h3>{titleOf(lane.method)}</h3>
            {lane.adapter === undefined ? <LaneSettings index={index} lane={lane} /> : <Begins adapter={lane.adapter} />}
            <Rate index={index} lane={lane} />
            {size > 0 && <p>{count(size)} trainable parameters</p>}
            {near && <p className="hint">{nearSentence(near, match)}</p>}
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
      <button type="button" className="quiet" aria-label={`Remove ${look.label}`} onClick={() => removeLane(index)}>
        <Icon name="close" />
      </button>
    </li>
  );
}

function LaneSettings({ index, lane }: Pick<Props, "index" | "lane">) {
  const setLane = useSetup((setup) => setup.setLane);
  const method = findMethod(lane.method);
  const values = completeSettings(lane.method, lane.settings);
  return (
    <>
      {method && (
        <p className="hint">
          {method.does} {method.paper}
        </p>
      )}
      {Object.entries(method?.fields ?? {}).map(([name, field]) => {
        const value = values[name] ?? field.default;
        const onChange = (changed: number) => setLane(index, { settings: { [name]: changed } });
        return field.choices ? (
          <ChoiceField key={name} label={field.label} help={field.help} choices={field.choices} value={value} onChange={onChange} />
        ) : (
          <Fragment key={name}>
            <NumberField field={field} value={value} slider showHelp onChange={onChange} />
            <Caution lane={index} field={name} />
          </Fragment>
        );
      })}
    </>
  );
}

function Rate({ index, lane }: Pick<Props, "index" | "lane">) {
  const setLane = useSetup((setup) => setup.setLane);
  return (
    <>
      <NumberField field={RATE} value={lane.lr} slider showHelp onChange={(lr) => setLane(index, { lr })} />
      <Caution lane={index} field="lr" />
    </>
  );
}

/** An imported lane's settings are those of its file. */
function Begins({ adapter }: { readonly adapter: string }) {
  const held = useAdopted(({ held }) => held.get(adapter));
  if (!held)
    return (
      <p className="warning">
        Begins with the adapter <b>{adapter}</b>, whose files a link or a reload cannot keep. Drop its folder or zip on the page again.
      </p>
    );
  return (
    <>
      <p>
        Begins with <b>{adapter}</b>. Its settings are part of it; only the learning rate is yours.
      </p>
      {held.fault ? (
        <p className="warning" role="alert">
          {held.fault.what} {held.fault.todo}
        </p>
      ) : (
        <AdapterRows facts={held.facts} />
      )}
    </>
  );
}

/** Under half a percent nobody cares which. */
const EQUAL = 0.005;

function nearText(near: Exclude<Nearness, { kind: "first" }>): string {
  const off = near.ratio - 1;
  if (near.kind === "fixed") return "fixed size";
  if (Math.abs(off) < EQUAL) return "equal";
  return Math.abs(off) < 1
    ? `${off > 0 ? "+" : "−"}${(100 * Math.abs(off)).toFixed(off > -0.1 && off < 0.1 ? 1 : 0)} %`
    : `× ${plain(near.ratio)}`;
}

function nearSentence(near: Nearness, match: boolean): string {
  if (near.kind === "first") return match ? "The other methods are matched to this size." : "Sizes are compared with this one.";
  const times = `${plain(near.ratio)} times the size that the others are compared with`;
  if (near.kind === "fixed") return `Its size is what it is and cannot be matched: ${times}.`;
  return match ? `Matched, as near as it gets on these layers: ${times}.` : `${times[0]?.toUpperCase()}${times.slice(1)}.`;
}

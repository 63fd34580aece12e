/** One lane: a chip that says what it is and opens its settings. */
import { Popover } from "radix-ui";
import { RATE } from "../../store/config.ts";
import { completeSettings, findMethod } from "../../store/methods.ts";
import { useSetup } from "../../store/setup.ts";
import type { LaneConfig } from "../../train/run.ts";
import { type Look, symbolOf, titleOf } from "../look.ts";
import { count, plain, short } from "../numbers.ts";
import { Icon } from "../parts/icon.tsx";
import { NumberField } from "../parts/number.tsx";
import { Swatch } from "../parts/swatch.tsx";

interface Props {
  readonly index: number;
  readonly lane: LaneConfig;
  readonly look: Look;
  readonly parameters: number;
}

/** Settings on the chip; the rest is in its panel. */
const ON_CHIP = 2;

export function Lane({ index, lane, look, parameters }: Props) {
  const removeLane = useSetup((setup) => setup.removeLane);
  const settings = Object.entries(completeSettings(lane.method, lane.settings));
  return (
    <li className="chip lane" style={{ borderColor: look.color }}>
      <Popover.Root>
        <Popover.Trigger className="chip-open" aria-label={`Settings of ${look.label}`}>
          <Swatch look={look} />
          <b style={{ color: look.color }}>{titleOf(lane.method)}</b>
          {settings.slice(0, ON_CHIP).map(([name, value]) => (
            <span key={name}>
              {symbolOf(name)} {plain(value)}
            </span>
          ))}
          <span>lr {plain(lane.lr)}</span>
          {parameters > 0 && <span className="hint">{short(parameters)}</span>}
        </Popover.Trigger>
        <Popover.Portal>
          <Popover.Content className="popover settings" sideOffset={6} collisionPadding={12} aria-label={`Settings of ${look.label}`}>
            <LaneSettings index={index} lane={lane} parameters={parameters} />
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
      <button type="button" className="quiet" aria-label={`Remove ${look.label}`} onClick={() => removeLane(index)}>
        <Icon name="close" />
      </button>
    </li>
  );
}

function LaneSettings({ index, lane, parameters }: Omit<Props, "look">) {
  const setLane = useSetup((setup) => setup.setLane);
  const method = findMethod(lane.method);
  const values = completeSettings(lane.method, lane.settings);
  return (
    <>
      <h3>{titleOf(lane.method)}</h3>
      {method && <p className="hint">{method.paper}</p>}
      {Object.entries(method?.fields ?? {}).map(([name, field]) => (
        <NumberField
          key={name}
          field={field}
          value={values[name] ?? field.default}
          slider
          showHelp
          onChange={(value) => setLane(index, { settings: { [name]: value } })}
        />
      ))}
      <NumberField field={RATE} value={lane.lr} slider showHelp onChange={(lr) => setLane(index, { lr })} />
      {parameters > 0 && <p className="total">{count(parameters)} trainable parameters</p>}
    </>
  );
}

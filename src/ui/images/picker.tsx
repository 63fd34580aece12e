/** One class out of many, by typing or by pointing; or a new one. */
import { Popover } from "radix-ui";
import { type ReactNode, useState } from "react";

const SHOWN = 50;

interface ListProps {
  readonly classes: readonly string[];
  readonly onPick: (name: string) => void;
}

export function ClassList({ classes, onPick }: ListProps) {
  const [text, setText] = useState("");
  const name = text.trim();
  const wanted = name.toLowerCase();
  const found = classes.filter((each) => each.toLowerCase().includes(wanted));
  const isNew = name !== "" && !classes.includes(name);
  const exact = classes.find((each) => each === name) ?? (isNew && found.length !== 1 ? name : found[0]);
  return (
    <div className="picker">
      <input
        aria-label="Class, or the name of a new one"
        placeholder="class, or a new name"
        dir="auto"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && name !== "" && exact !== undefined) onPick(exact);
        }}
      />
      <ul className="picker-list">
        {isNew && (
          <li>
            <button type="button" className="quiet" onClick={() => onPick(name)}>
              New class “<bdi>{name}</bdi>”
            </button>
          </li>
        )}
        {found.slice(0, SHOWN).map((each) => (
          <li key={each}>
            <button type="button" className="quiet" dir="auto" onClick={() => onPick(each)}>
              {each}
            </button>
          </li>
        ))}
      </ul>
      {found.length > SHOWN && <p className="hint">{found.length - SHOWN} more: type to narrow them down</p>}
    </div>
  );
}

interface PickerProps extends ListProps {
  readonly disabled?: boolean;
  /** Of the button. */
  readonly children: ReactNode;
}

export function Picker({ classes, onPick, disabled = false, children }: PickerProps) {
  const [open, setOpen] = useState(false);
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger asChild>
        <button type="button" disabled={disabled}>
          {children}
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="popover" sideOffset={4} collisionPadding={12}>
          <ClassList
            classes={classes}
            onPick={(name) => {
              setOpen(false);
              onPick(name);
            }}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

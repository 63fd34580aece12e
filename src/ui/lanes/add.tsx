/** The menu of all methods, by what they change. */
import { DropdownMenu } from "radix-ui";
import { useState } from "react";
import { MAX_LANES } from "../../store/config.ts";
import { groupMethods } from "../../store/methods.ts";
import { useSetup } from "../../store/setup.ts";
import { lookOf } from "../look.ts";
import { Icon } from "../parts/icon.tsx";
import { Swatch } from "../parts/swatch.tsx";
import "./add.css";

export function AddMethod() {
  const { config, addLane } = useSetup();
  const [home, setHome] = useState<HTMLElement | null>(null);
  return (
    <div ref={setHome}>
      {/* In its place and beside the page, so that it has a landmark, and the page stays within reach. */}
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger className="chip add" disabled={config.lanes.length >= MAX_LANES}>
          <Icon name="plus" /> Add method
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal container={home}>
          <DropdownMenu.Content className="popover menu methods" sideOffset={4} collisionPadding={12}>
            {groupMethods().map((group) => (
              <DropdownMenu.Group key={group.title}>
                <DropdownMenu.Label className="menu-label">{group.title}</DropdownMenu.Label>
                {group.methods.map(({ id, title, does, paper }) => (
                  <DropdownMenu.Item key={id} className="menu-item" textValue={title} onSelect={() => addLane(id)}>
                    <Swatch look={lookOf(id)} />
                    <b>{title}</b>
                    <span className="does">{does}</span>
                    <span className="hint">{paper}</span>
                  </DropdownMenu.Item>
                ))}
              </DropdownMenu.Group>
            ))}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
    </div>
  );
}

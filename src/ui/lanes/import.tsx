/** The way in for adapters that were trained before: by button here, by drop anywhere on the page. */
import { Popover } from "radix-ui";
import { useState } from "react";
import { takeAdapter } from "../../store/dropped.ts";
import { Choose } from "../parts/drop.tsx";
import { Icon } from "../parts/icon.tsx";

export function ImportAdapter() {
  const [open, setOpen] = useState(false);
  const take = (files: readonly File[]) => {
    setOpen(false);
    void takeAdapter(files);
  };
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger id="import-adapter" className="chip add">
        <Icon name="import" /> Import adapter
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="popover settings" sideOffset={6} collisionPadding={12} aria-label="Import adapter">
          <p>
            A folder or a zip with <code>adapter_config.json</code> and <code>adapter_model.safetensors</code>, from PEFT or from Export
            here. It becomes a lane: to train on, to compare, or to look at its rank.
          </p>
          <div className="row">
            <Choose accept=".zip,.json,.safetensors" onChoose={take}>
              Zip or files
            </Choose>
            <Choose folder onChoose={take}>
              <Icon name="folder" /> Folder
            </Choose>
          </div>
          <p className="hint">Or drop it anywhere on the page.</p>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

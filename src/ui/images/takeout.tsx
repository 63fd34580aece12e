/** The images as a zip: how it is laid out, progress, cancel. */
import { Popover } from "radix-ui";
import { useState } from "react";
import { cancelTakeout, takeOut, useTakeout } from "../../store/takeout.ts";
import { count } from "../numbers.ts";
import { Icon } from "../parts/icon.tsx";
import { FaultText, Notice } from "../parts/notice.tsx";

export function TakeoutMenu({ disabled }: { readonly disabled: boolean }) {
  const { writing, fault } = useTakeout();
  const [parts, setParts] = useState(true);
  return (
    <Popover.Root>
      <Popover.Trigger asChild>
        <button type="button" disabled={disabled}>
          Download <Icon name="down" />
        </button>
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="popover takeout" sideOffset={4} collisionPadding={12}>
          <p>A zip of folders that this page reads again, with a table of names, classes, parts and sources as Hugging Face reads it.</p>
          <label className="check">
            <input type="checkbox" checked={parts} onChange={(event) => setParts(event.target.checked)} />
            folders for train, validation and test
          </label>
          {writing ? (
            <>
              <p role="status">
                {count(writing.written)} of {count(writing.total)} images written
              </p>
              <progress aria-label="Zip" value={writing.written / writing.total} />
              <button type="button" onClick={cancelTakeout}>
                Cancel
              </button>
            </>
          ) : (
            <button type="button" className="primary" onClick={() => void takeOut(parts)}>
              Download zip
            </button>
          )}
          {fault && (
            <Notice kind="error">
              <FaultText fault={fault} />
            </Notice>
          )}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

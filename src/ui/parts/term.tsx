/** A term of the field that explains itself, by click, touch or keyboard. */
import { Popover } from "radix-ui";
import { type ReactNode, useId } from "react";

export function Term({ children, explains }: { readonly children: ReactNode; readonly explains: ReactNode }) {
  const id = useId();
  return (
    <Popover.Root>
      <Popover.Trigger id={id} className="term">
        {children}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="popover explain" aria-labelledby={id} sideOffset={4} collisionPadding={12}>
          {explains}
          <Popover.Arrow className="arrow" />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

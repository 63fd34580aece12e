/** A term of the field that explains itself: under a pointer that stays, by click, touch or keyboard. */
import { Popover } from "radix-ui";
import { type PointerEvent, type ReactNode, useEffect, useId, useRef, useState } from "react";

/** A pointer on its way elsewhere opens nothing, and may cross the gap to what has opened (WCAG 1.4.13). */
const STAY_MS = 400;
const LEAVE_MS = 250;

export function Term({ children, explains }: { readonly children: ReactNode; readonly explains: ReactNode }) {
  const id = useId();
  /** What was asked for stays until it is dismissed; what opened under a pointer goes with it. */
  const [shown, setShown] = useState<"asked" | "pointed" | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const tookFocus = useRef(false);
  useEffect(() => () => clearTimeout(timer.current), []);
  const wait = (next: "pointed" | null, ms: number) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setShown((now) => (now === "asked" ? now : next)), ms);
  };
  const pointers = {
    onPointerEnter: ({ pointerType }: PointerEvent) => pointerType !== "touch" && wait("pointed", STAY_MS),
    onPointerLeave: ({ pointerType }: PointerEvent) => pointerType !== "touch" && wait(null, LEAVE_MS),
  };
  return (
    <Popover.Root
      open={shown !== null}
      onOpenChange={(open) => {
        clearTimeout(timer.current);
        setShown(open ? "asked" : null);
      }}
    >
      <Popover.Trigger
        id={id}
        className="term"
        {...pointers}
        onClick={(event) => {
          // A click on what the pointer has opened keeps it.
          if (shown !== "pointed") return;
          event.preventDefault();
          setShown("asked");
        }}
      >
        {children}
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          className="popover explain"
          aria-labelledby={id}
          sideOffset={4}
          collisionPadding={12}
          {...pointers}
          onOpenAutoFocus={(event) => {
            tookFocus.current = shown === "asked";
            if (!tookFocus.current) event.preventDefault();
          }}
          onCloseAutoFocus={(event) => tookFocus.current || event.preventDefault()}
        >
          {explains}
          <Popover.Arrow className="arrow" />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

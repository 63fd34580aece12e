/** A dialog: title, text, close; focus stays in it and returns to what opened it. */
import { Dialog } from "radix-ui";
import { type ReactNode, Suspense, useRef } from "react";
import { Icon } from "./icon.tsx";

interface Props {
  readonly title: string;
  /** Absent where something else than a button opens it. */
  readonly trigger?: ReactNode;
  readonly open?: boolean;
  readonly onOpenChange?: (open: boolean) => void;
  readonly wide?: boolean;
  /** Where the focus goes afterwards, when what had it before is gone. */
  readonly returnTo?: () => HTMLElement | null | undefined;
  readonly children: ReactNode;
}

export function Modal({ title, trigger, wide = false, returnTo, children, ...state }: Props) {
  const opener = useRef<Element | null>(null);
  return (
    <Dialog.Root {...state}>
      {trigger && <Dialog.Trigger asChild>{trigger}</Dialog.Trigger>}
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content
          className={`modal ${wide ? "wide" : ""}`}
          aria-describedby={undefined}
          onOpenAutoFocus={() => {
            opener.current = document.activeElement;
          }}
          onCloseAutoFocus={(event) => {
            const isThere = opener.current?.isConnected && opener.current !== document.body;
            const target = trigger || isThere ? null : returnTo?.();
            if (!target) return;
            event.preventDefault();
            target.focus();
          }}
        >
          <div className="modal-head">
            <Dialog.Title>{title}</Dialog.Title>
            <Dialog.Close className="quiet" aria-label="Close">
              <Icon name="close" />
            </Dialog.Close>
          </div>
          <div className="modal-body">
            {/* The inside of most dialogs is fetched when they open. */}
            <Suspense fallback={<p role="status">Opening …</p>}>{children}</Suspense>
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

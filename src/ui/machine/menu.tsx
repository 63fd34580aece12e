/** What concerns the page itself: how it keeps to this machine, what it keeps there, and a newer version of it. */
import { DropdownMenu } from "radix-ui";
import { useRef, useState } from "react";
import { installPage, takeNewer, useOffline } from "../../store/offline.ts";
import { startTour } from "../../store/tour.ts";
import { Icon } from "../parts/icon.tsx";
import { later } from "../parts/later.tsx";
import { Modal } from "../parts/modal.tsx";

const Privacy = later(() => import("./privacy.tsx"));
const Storage = later(() => import("./storage.tsx"));

const DIALOGS = { privacy: "Nothing leaves this machine", storage: "Storage" } as const;

export function PageMenu({ isLab }: { readonly isLab: boolean }) {
  const install = useOffline((offline) => offline.install);
  const [shown, setShown] = useState<keyof typeof DIALOGS>();
  const [home, setHome] = useState<HTMLElement | null>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  return (
    <div ref={setHome}>
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger ref={trigger} id="page-menu" className="quiet" aria-label="This page">
          <Icon name="menu" />
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal container={home}>
          <DropdownMenu.Content className="popover menu" align="end" sideOffset={4} collisionPadding={12}>
            {!isLab && (
              <DropdownMenu.Item className="menu-item" onSelect={() => setTimeout(startTour)}>
                <span>Show me around</span> <Icon name="help" />
              </DropdownMenu.Item>
            )}
            <DropdownMenu.Item className="menu-item" onSelect={() => setShown("privacy")}>
              <span>Nothing leaves this machine</span> <Icon name="lock" />
            </DropdownMenu.Item>
            <DropdownMenu.Item className="menu-item" onSelect={() => setShown("storage")}>
              <span>Storage</span> <Icon name="disk" />
            </DropdownMenu.Item>
            {install && (
              <DropdownMenu.Item className="menu-item" onSelect={() => void installPage()}>
                <span>Install as an app</span> <Icon name="download" />
              </DropdownMenu.Item>
            )}
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      <Modal
        wide
        title={shown ? DIALOGS[shown] : ""}
        open={shown !== undefined}
        onOpenChange={(open) => open || setShown(undefined)}
        returnTo={() => trigger.current}
      >
        {shown === "privacy" && <Privacy />}
        {shown === "storage" && <Storage />}
      </Modal>
    </div>
  );
}

/** Said where it can be acted upon, and never done unasked: a reload ends a race. */
export function NewVersion() {
  const state = useOffline((offline) => offline.state);
  const [others, setOthers] = useState(false);
  if (state !== "newer") return null;
  return (
    <>
      <button type="button" className="quiet" onClick={() => void takeNewer().then((taken) => setOthers(!taken))}>
        <Icon name="reset" /> New version: reload
      </button>
      <span role="status" className="said">
        {others ? "Close the other tabs of this page first" : ""}
      </span>
    </>
  );
}

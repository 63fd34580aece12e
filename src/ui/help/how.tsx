/** The way to the help. */
import { Icon } from "../parts/icon.tsx";
import { later } from "../parts/later.tsx";
import { Modal } from "../parts/modal.tsx";

const HelpText = later(() => import("./text.tsx"));

export function How() {
  return (
    <Modal
      wide
      title="How this works"
      trigger={
        <button type="button" className="quiet">
          <Icon name="help" /> <span className="label">How this works</span>
        </button>
      }
    >
      <HelpText />
    </Modal>
  );
}

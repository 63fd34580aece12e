/** The way to the exports. */
import { useRace } from "../../store/race.ts";
import { Icon } from "../parts/icon.tsx";
import { later } from "../parts/later.tsx";
import { Modal } from "../parts/modal.tsx";

const Choice = later(() => import("./choice.tsx"));

export function ExportDialog() {
  const hasRun = useRace((race) => race.config !== null);
  return (
    <Modal
      wide
      title="Export"
      trigger={
        <button type="button" className="quiet" disabled={!hasRun}>
          <Icon name="download" /> <span className="label">Export</span>
        </button>
      }
    >
      <Choice />
    </Modal>
  );
}

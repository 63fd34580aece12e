/** Which model is trained, and the way to others. */
import { useState } from "react";
import { useModels } from "../../store/models.ts";
import { shortModel } from "../../store/names.ts";
import { useSetup } from "../../store/setup.ts";
import { Icon } from "../parts/icon.tsx";
import { later } from "../parts/later.tsx";
import { Modal } from "../parts/modal.tsx";

const Choice = later(() => import("./choice.tsx"));

export function ModelChooser() {
  const model = useSetup((setup) => setup.config.model);
  const { known, faults, looking, dropped } = useModels();
  const [open, setOpen] = useState(false);
  const facts = known.get(model);
  const missing = facts !== undefined && facts.present < facts.bytes;
  const state = looking.has(model) ? "looking it up …" : faults.has(model) ? "not found" : missing ? "not downloaded" : "";
  return (
    <Modal
      wide
      title="Model"
      open={open || dropped !== null}
      onOpenChange={(wanted) => {
        setOpen(wanted);
        if (!wanted) useModels.setState({ dropped: null });
      }}
      trigger={
        <button type="button" className="chip" title="The model that every lane trains">
          <Icon name="model" /> <span className="tower">Model</span> <b>{facts?.name ?? shortModel(model)}</b>
          {state && <span className="lost">{state}</span>}
        </button>
      }
    >
      <Choice key={dropped} begin={dropped ?? model} onDone={() => setOpen(false)} />
    </Modal>
  );
}

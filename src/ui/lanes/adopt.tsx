/** What an imported adapter is, and what should become of it. */
import { useEffect, useRef, useState } from "react";
import { dismissAdapter, placeAdapter, useAdopted } from "../../store/adopted.ts";
import { MAX_LANES } from "../../store/config.ts";
import { useImages } from "../../store/images.ts";
import { useSetup } from "../../store/setup.ts";
import type { AdapterFacts } from "../../train/protocol.ts";
import { looksOf, settingText, titleOf } from "../look.ts";
import { count, plural } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Facts } from "../parts/facts.tsx";
import { Modal } from "../parts/modal.tsx";
import { FaultText, Notice } from "../parts/notice.tsx";

export function AdoptDialog() {
  const { reading, found, fault } = useAdopted();
  const open = reading !== null || found !== null || fault !== null;
  return (
    <Modal
      title="Import adapter"
      open={open}
      onOpenChange={(wanted) => wanted || dismissAdapter()}
      returnTo={() => document.getElementById("import-adapter")}
    >
      {reading !== null && <p role="status">Looking at {reading} …</p>}
      {fault && (
        <Notice kind="error">
          <FaultText title="This adapter cannot be used here" fault={fault} />
        </Notice>
      )}
      {found && (
        <>
          <p dir="auto">
            <b>{found.name}</b>
          </p>
          <AdapterRows facts={found.facts} />
          <Place waiting={found.waiting} />
        </>
      )}
    </Modal>
  );
}

/** Also on the lane that begins with it. */
export function AdapterRows({ facts }: { readonly facts: AdapterFacts }) {
  const { method, settings, parameters, layers, text, classes } = facts;
  const shown = Object.entries(settings).map(([name, value]) => settingText(method, name, value));
  return (
    <>
      <Facts
        rows={[
          ["Method", titleOf(method)],
          ["Settings", shown.join(", ") || "none"],
          ["Trained numbers", count(parameters)],
          ["Layers", `${count(layers)}${text ? ", of the text tower too" : ""}`],
          ["Head", classes > 0 ? `linear, ${plural(classes, "class", "classes")}` : "none: class names"],
        ]}
      />
      <HeadRemark classes={classes} />
    </>
  );
}

/** Where the adapter's head and the images on the page do not go together. */
function HeadRemark({ classes }: { readonly classes: number }) {
  const head = useSetup((setup) => setup.config.head.kind);
  const here = useImages((images) => images.dataset?.classes.length);
  if (classes > 0 && here !== undefined && here !== classes)
    return (
      <p className="warning">
        Its head knows {plural(classes, "class", "classes")}, your images have {here}: its head is left aside, and a new one starts.
      </p>
    );
  if (classes > 0 && head === "text")
    return <p className="warning">It was trained with a linear layer; choose that under More, Classifier.</p>;
  if (classes > 0) return <p className="hint">Its head expects its own classes in their order; names are not kept in an adapter.</p>;
  return head === "linear" ? <p className="hint">It brings no head along; the linear layer starts anew.</p> : null;
}

function Place({ waiting }: { readonly waiting: number | null }) {
  const lanes = useSetup((setup) => setup.config.lanes);
  const [replaced, setReplaced] = useState(MAX_LANES - 1);
  const full = lanes.length >= MAX_LANES && waiting === null;
  const onward = useRef<HTMLButtonElement>(null);
  // It comes after the dialog, whose focus waits on the way out of it.
  useEffect(() => onward.current?.focus(), []);
  const labels = looksOf(lanes).map(({ label }, index) => `${index + 1}: ${label}`);
  return (
    <>
      {full && (
        <ChoiceField label="In place of lane" help="There are four already." choices={labels} value={replaced} onChange={setReplaced} />
      )}
      <div className="row end">
        <button type="button" onClick={dismissAdapter}>
          Leave it
        </button>
        <button ref={onward} type="button" className="primary" onClick={() => placeAdapter(full ? replaced : undefined)}>
          {waiting !== null ? "Give it back to its lane" : full ? "Replace the lane" : "Add as a lane"}
        </button>
      </div>
      <p className="hint">Press Step to see its rank before it is trained further.</p>
    </>
  );
}

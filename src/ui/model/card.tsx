/** One model: what it is, what of it is here, and the way to use it. */
import { useState } from "react";
import { parsePreprocess } from "../../data/preprocess.ts";
import { chooseModel, costOf } from "../../store/choice.ts";
import { useImages } from "../../store/images.ts";
import { cancelDownload, dismissDownloadFault, downloadModel, useModels } from "../../store/models.ts";
import { revisionOf } from "../../store/names.ts";
import { useSetup } from "../../store/setup.ts";
import type { ModelFacts } from "../../train/protocol.ts";
import { bytes, duration, plural } from "../numbers.ts";
import { Facts } from "../parts/facts.tsx";
import { FaultText, Notice } from "../parts/notice.tsx";

interface Props {
  readonly facts: ModelFacts;
  /** Called once it is the model of the next run. */
  readonly onDone: () => void;
}

export function ModelCard({ facts, onDone }: Props) {
  const { name, kind, model, licence, text } = facts;
  const revision = revisionOf(model);
  const { crop, resample } = parsePreprocess(facts.preprocess);
  return (
    <section className="model-card" aria-label={name}>
      <h3 dir="auto">{name}</h3>
      <Facts
        rows={[
          ["Kind", kind],
          ...(revision ? [["Revision", <code key="revision">{revision}</code>] as const] : []),
          ["Size", bytes(facts.bytes)],
          ["On this machine", presence(facts)],
          ["Licence", licence ?? "not stated; see its page"],
          ["Images", `${crop} × ${crop}, ${resample}`],
          ["Classifier", text ? "the class names, or a linear layer" : "a linear layer: it has no text tower, or no tokenizer beside it"],
        ]}
      />
      <Get facts={facts} onDone={onDone} />
    </section>
  );
}

function presence({ present, bytes: all }: ModelFacts): string {
  if (present >= all) return "all of it";
  return present > 0 ? `${bytes(present)}` : "nothing yet";
}

const SMALL_FILES = 0.05;

/** One button that leads from the download to the choice, so that the keyboard's focus stays where it is. */
function Get({ facts, onDone }: Props) {
  const chosen = useSetup((setup) => setup.config.model === facts.model);
  const { download, fault } = useModels();
  const [asking, setAsking] = useState(false);
  const missing = facts.bytes - facts.present;
  // A choice that was cancelled half-way.
  const unfit = useImages(({ dataset, importing }) => dataset !== null && !importing) && missing <= 0 && costOf(facts) !== "none";
  const running = download?.model === facts.model;
  const use = () => {
    chooseModel(facts);
    useModels.setState({ dropped: null });
    onDone();
  };
  const act = () => {
    if (running) cancelDownload();
    else if (missing > 0) void downloadModel(facts);
    else if (costOf(facts) === "lose" && !asking) setAsking(true);
    else use();
  };
  // Looking a model up brings its small files already.
  const begun = facts.present > SMALL_FILES * facts.bytes;
  const label = running
    ? "Cancel"
    : missing > 0
      ? `${begun ? "Resume download" : "Download"} ${bytes(missing)}`
      : asking
        ? "Change the model, drop the images again"
        : chosen
          ? "Prepare the images for this model"
          : "Use this model";
  return (
    <>
      {running && <Progress />}
      {fault && !running && (
        <Notice kind="error" onDismiss={dismissDownloadFault}>
          <FaultText title="The download broke off" fault={fault} />
        </Notice>
      )}
      {asking && <Loss facts={facts} />}
      {chosen && missing <= 0 && !unfit ? (
        <p className="hint">This is the model of the next run.</p>
      ) : (
        <div className="row end">
          {asking && (
            <button type="button" onClick={() => setAsking(false)}>
              Keep the images
            </button>
          )}
          <button type="button" className={running ? "" : "primary"} onClick={act}>
            {label}
          </button>
        </div>
      )}
    </>
  );
}

function Progress() {
  const download = useModels((models) => models.download);
  if (!download) return null;
  const { done, all, file, left } = download;
  return (
    <div className="importing">
      <progress aria-label="Download" value={all > 0 ? done / all : undefined} />
      <p className="hint" role="status">
        {bytes(done)} of {bytes(all)}
        {left !== null && `, ${duration(left)} left`}
        {file && `, ${file}`}
      </p>
    </div>
  );
}

function Loss({ facts }: Pick<Props, "facts">) {
  const images = useImages(({ dataset }) => dataset?.labels.length ?? 0);
  return (
    <Notice kind="info">
      <p>
        {facts.name} wants its images prepared in another way, and this tab kept {plural(images, "image")} of yours only as they were
        prepared for the model before. Drop them again after the change; until you confirm it they stay.
      </p>
    </Notice>
  );
}

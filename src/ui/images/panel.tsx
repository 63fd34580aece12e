/** Step 1: images in, by drop, by dialog or from a sample set, and what came of it. */
import { Suspense, useMemo, useState } from "react";
import { SAMPLES } from "../../data/samples.ts";
import { classSizes, countSplit } from "../../data/split.ts";
import { openBench, useBench } from "../../store/bench.ts";
import { takeDrop, takeFiles } from "../../store/dropped.ts";
import { cancelImport, clearImages, dismissImportFault, loadSample, useImages } from "../../store/images.ts";
import { useSetup } from "../../store/setup.ts";
import { count, plural } from "../numbers.ts";
import { Badge } from "../parts/badge.tsx";
import { Choose, useDrop } from "../parts/drop.tsx";
import { Icon } from "../parts/icon.tsx";
import { FaultText, Notice } from "../parts/notice.tsx";
import { Classes, NewClass } from "./classes.tsx";
import { History, useHistoryKeys } from "./history.tsx";
import { Pasted } from "./paste.tsx";
import { Report } from "./report.tsx";
import { Thumbs } from "./thumbs.tsx";
import "./bench.css";
import { later } from "../parts/later.tsx";

/** Fetched when they are opened. */
const Bench = later(() => import("./bench.tsx"));
const Webcam = later(() => import("./webcam.tsx"));

export function ImagesPanel() {
  const { dataset, importing, fault, report } = useImages();
  useHistoryKeys();
  const drop = useDrop((items) => void takeDrop(items));
  return (
    <section className="panel images" aria-labelledby="images-title" {...drop}>
      <h2 id="images-title">
        <Badge number={1} /> Images
      </h2>
      <div className={dataset ? "panel-body" : "panel-body empty"}>
        {importing ? <Importing /> : <Sources compact={dataset !== null} />}
        {fault && (
          <Notice kind="error" onDismiss={dismissImportFault}>
            <FaultText fault={fault} />
          </Notice>
        )}
        {dataset && !importing && (
          <>
            <Summary />
            <button type="button" onClick={() => openBench(true)}>
              Work on the images
            </button>
            {report && <Report report={report} />}
            <Classes dataset={dataset} />
          </>
        )}
        {!importing && <NewClass first={dataset === null} />}
        <History />
      </div>
      <p className="hint">Your images stay on this computer: nothing is uploaded.</p>
      <Suspense>
        <Opened />
      </Suspense>
      <Pasted />
    </section>
  );
}

/** What lies over the page. It stays while files are read, so that the camera does. */
function Opened() {
  const { open, filming } = useBench();
  return (
    <>
      {open && <Bench />}
      {filming !== null && <Webcam className={filming} />}
    </>
  );
}

function Sources({ compact }: { readonly compact: boolean }) {
  const chosen = useSetup((setup) => setup.sample);
  const [sample, setSample] = useState(chosen ?? SAMPLES[0]?.id ?? "");
  const known = SAMPLES.find(({ id }) => id === sample);
  return (
    <div className={`sources ${compact ? "compact" : ""}`}>
      {!compact && (
        <div className="invite">
          <Icon name="images" />
          <p>
            <b>Drop a folder or a zip</b> that holds one folder of images per class. Tables of labels, tar, parquet, npz, MNIST and CIFAR
            files are read too.
          </p>
        </div>
      )}
      <div className="row">
        <Choose folder onChoose={(files) => void takeFiles(files)}>
          <Icon name="folder" /> Folder
        </Choose>
        <Choose onChoose={(files) => void takeFiles(files)}>{compact ? "Files" : "Zip or files"}</Choose>
        {compact && (
          <button type="button" className="quiet" onClick={clearImages}>
            Clear
          </button>
        )}
      </div>
      <div className="row sample">
        <button type="button" className={compact ? "" : "primary"} onClick={() => void loadSample(sample)}>
          Load sample
        </button>
        <select aria-label="Sample set" value={sample} onChange={(event) => setSample(event.target.value)}>
          {SAMPLES.map(({ id, title, count: images }) => (
            <option key={id} value={id}>
              {title} ({images})
            </option>
          ))}
        </select>
      </div>
      {!compact && known && <p className="hint">{known.licence}</p>}
      {compact && (
        <p className="hint">
          {chosen === null ? "What you drop here joins these images." : "Images of your own take the sample's place: drop them here."}
        </p>
      )}
    </div>
  );
}

function Importing() {
  const { importing, fresh } = useImages();
  // The images that are there may have been prepared for a model of another size.
  const size = Math.sqrt((fresh[0]?.length ?? 3) / 3);
  if (!importing) return null;
  const { name, seen, total, taken, perSecond } = importing;
  return (
    <div className="importing">
      <p role="status">
        Reading {name}: {count(seen)} of {total > 0 ? count(total) : "…"} files
      </p>
      <progress aria-label="Import" value={total > 0 ? seen / total : undefined} />
      <p className="hint">
        {plural(taken, "image")} taken{perSecond > 0 ? `, ${count(Math.round(perSecond))} a second` : ""}
      </p>
      {fresh.length > 0 && <Thumbs images={fresh} size={size} places={6} />}
      <button type="button" onClick={cancelImport}>
        Cancel, keep what is in
      </button>
    </div>
  );
}

function Summary() {
  const dataset = useImages((images) => images.dataset);
  const config = useSetup((setup) => setup.config);
  const sizes = useMemo(() => (dataset ? classSizes(dataset) : []), [dataset]);
  if (!dataset) return null;
  const images = dataset.labels.length;
  const { train, validation, test } = countSplit(sizes, config);
  const spare = images - train - validation - test;
  return (
    <p className="summary">
      <b>{plural(images, "image")}</b> in {plural(dataset.classes.length, "class", "classes")}
      <span className="hint">
        {count(train)} to train on, {count(validation)} to validate, {count(test)} to test{spare > 0 && `, ${count(spare)} not used`}
      </span>
    </p>
  );
}

/** Step 2: the race, while it runs. */
import { useEffect, useMemo } from "react";
import { useImages } from "../../store/images.ts";
import { shortModel } from "../../store/names.ts";
import { useRace } from "../../store/race.ts";
import { isZeroShot, meanRank, zeroShot } from "../../store/run.ts";
import { useSetup } from "../../store/setup.ts";
import { useSupport } from "../../store/support.ts";
import { scoreOf } from "../../store/verdict.ts";
import { looksOf } from "../look.ts";
import { percent } from "../numbers.ts";
import { Badge } from "../parts/badge.tsx";
import { FaultText, Notice } from "../parts/notice.tsx";
import { Cautions } from "./cautions.tsx";
import { Controls } from "./controls.tsx";
import { Accuracies, Losses } from "./progress.tsx";
import { Spectra } from "./spectrum.tsx";
import { Swept } from "./swept.tsx";

const SMALL_BATCH = 16;

export function RacePanel() {
  const raced = useRace((race) => race.config?.lanes);
  const planned = useSetup((setup) => setup.config.lanes);
  // What is drawn belongs to the run; before there is one, to the settings.
  const looks = useMemo(() => looksOf(raced ?? planned), [raced, planned]);
  const hasImages = useImages(({ dataset }) => dataset !== null);
  // The charts' code comes while one is still looking at the images, so that the first point need not wait for it.
  useEffect(() => {
    if (hasImages) void import("./singular.tsx").then(() => import("./curves.tsx"));
  }, [hasImages]);
  return (
    <section className="panel race" aria-labelledby="race-title">
      <h2 id="race-title">
        <Badge number={2} /> Race
      </h2>
      <Controls />
      <Messages names={looks.map(({ name }) => name)} />
      <div className="charts">
        <Losses looks={looks} />
        <Accuracies looks={looks} />
        <Spectra looks={looks} />
      </div>
    </section>
  );
}

function Messages({ names }: { readonly names: readonly string[] }) {
  return (
    <div className="messages">
      <Failure names={names} />
      <Swept />
      <SlowDevice />
      <Cautions />
      <ZeroShot />
    </div>
  );
}

function Failure({ names }: { readonly names: readonly string[] }) {
  const fault = useRace((race) => race.fault);
  if (!fault) return null;
  const lane = fault.lane === null ? "" : (names[fault.lane] ?? "");
  const since = fault.step === null ? "" : ` since step ${fault.step}`;
  const titles: Readonly<Record<string, string>> = {
    nan: `${lane || "A method"} diverged: its loss is not a number${since}`,
    lost: "The graphics device was lost",
    memory: "Not enough GPU memory",
    "gpu-error": "The GPU reported an error",
    "no-gpu": "No graphics device",
    input: "The race cannot start",
    internal: "Something went wrong in the training",
  };
  return (
    <Notice kind="error">
      <FaultText title={titles[fault.kind] ?? "The race had to stop"} fault={fault} />
    </Notice>
  );
}

function SlowDevice() {
  const { gpu, software, phase } = useRace();
  const support = useSupport();
  const batch = useSetup((setup) => setup.config.batch);
  const setNumber = useSetup((setup) => setup.setNumber);
  const slow = gpu ? software : support.state === "ready" && support.software;
  if (!slow || batch <= SMALL_BATCH) return null;
  if (phase === "done" || phase === "failed") return null;
  return (
    <Notice kind="info">
      <p>
        WebGPU runs on the processor here, so a step of {batch} images takes seconds.{" "}
        <button type="button" className="link" onClick={() => setNumber("batch", SMALL_BATCH)}>
          Use batch {SMALL_BATCH}
        </button>
        {phase === "idle" ? "" : " in the next run"}
      </p>
    </Notice>
  );
}

/** Until the first step there is something to see already: what the model knows without training. */
function ZeroShot() {
  const race = useRace();
  const before = zeroShot(race);
  const moving = race.lanes.some((lane) => meanRank(lane) !== null);
  if (!before || race.step > 0 || moving || !race.config || !isZeroShot(race.config)) return null;
  const { images } = before;
  const { accuracy, margin } = scoreOf(before.lanes[0]?.correct ?? 0, images);
  const classes = race.dataset?.classes.length ?? 0;
  const chance = 1 / Math.max(1, classes);
  const atChance = Math.abs(accuracy - chance) <= margin;
  return (
    <Notice kind="info">
      <p>
        Zero-shot, before any training: <b>{percent(accuracy)}</b> ± {(margin * 100).toFixed(1)} of {images} images.{" "}
        {atChance
          ? `That is what guessing among ${classes} classes gives: ${shortModel(race.config.model)} never learned these words with such pictures. Training has to do all of it.`
          : `Guessing among ${classes} classes gives ${percent(chance)}.`}
      </p>
    </Notice>
  );
}

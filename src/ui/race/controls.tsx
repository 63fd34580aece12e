/** Train, pause, step, stop, reset, and how far the race is. */
import type { ComponentProps } from "react";
import { useImages } from "../../store/images.ts";
import { useRace } from "../../store/race.ts";
import { type RunState, secondsPerStep } from "../../store/run.ts";
import { useSetup } from "../../store/setup.ts";
import { pauseStudies, resetStudies, resumeStudies, startStudies, stepStudies, stopStudies, useStudies } from "../../store/studies.ts";
import { progressOf, seedsFrom, studyOf } from "../../store/study.ts";
import { count, duration, milliseconds, plain } from "../numbers.ts";
import { Icon } from "../parts/icon.tsx";
import { useBlocker } from "./blocker.ts";

export function Controls() {
  const race = useRace();
  const dataset = useImages((images) => images.dataset);
  const { config, seeds } = useSetup();
  const ended = useStudies(({ plan }) => plan.some(({ results }) => results.length > 0));
  const { phase } = race;
  const blocker = useBlocker();
  const running = phase === "starting" || phase === "training" || phase === "paused";
  const start = (hold: boolean) => dataset && startStudies([studyOf(config, seedsFrom(config.seed, seeds))], dataset, { hold });

  const main =
    phase === "training" || phase === "starting"
      ? ({ name: "Pause", icon: "pause", act: pauseStudies } as const)
      : phase === "paused"
        ? ({ name: "Resume", icon: "play", act: resumeStudies } as const)
        : ({ name: "Train", icon: "play", act: () => start(false) } as const);
  const canStart = running || blocker === null;
  // From nothing, a step prepares the race and waits before step 1, with the zero-shot accuracy to look at.
  const step = () => (phase === "paused" ? stepStudies() : start(true));
  return (
    <div className="controls">
      <div className="buttons">
        {/* One button that changes its name, so that the keyboard's focus stays where it is. */}
        <button
          type="button"
          className="primary main"
          disabled={!canStart}
          aria-disabled={phase === "starting"}
          onClick={() => phase !== "starting" && main.act()}
        >
          <Icon name={main.icon} /> {main.name}
        </button>
        <Act name="Step" icon="step" off={!canStart || phase === "starting" || phase === "training"} act={step} />
        <Act
          name="Stop"
          icon="stop"
          off={phase !== "training" && phase !== "paused" && !(phase === "starting" && ended)}
          act={stopStudies}
        />
        <Act name="Reset" icon="reset" off={phase === "idle"} act={resetStudies} />
      </div>
      <Position race={race} blocker={blocker} />
    </div>
  );
}

interface ActProps {
  readonly name: string;
  readonly icon: ComponentProps<typeof Icon>["name"];
  readonly off: boolean;
  readonly act: () => void;
}

/** Off by name alone: a button that is really disabled by being pressed loses the keyboard's focus. */
function Act({ name, icon, off, act }: ActProps) {
  return (
    <button type="button" aria-disabled={off} onClick={() => off || act()}>
      <Icon name={icon} /> <span className="label">{name}</span>
    </button>
  );
}

type Shown = ReturnType<typeof useRace.getState>;

function Position({ race, blocker }: { readonly race: Shown; readonly blocker: string | null }) {
  const { phase, status, step } = race;
  const plan = useStudies((studies) => studies.plan);
  const { made, all } = progressOf(plan, phase === "training" || phase === "paused" ? step : 0);
  const fraction = phase === "starting" && made === 0 ? status?.progress : all > 0 ? made / all : 0;
  return (
    <div className="position">
      {phase !== "idle" && <progress aria-label={phase === "starting" && status ? status.text : "Race"} value={fraction ?? undefined} />}
      <p role="status" className="position-text">
        {describe(race, blocker)}
      </p>
      <Rates race={race} />
    </div>
  );
}

function describe({ phase, status, step, stopped, validations, fault, pausing }: Shown, blocker: string | null): string {
  switch (phase) {
    case "idle":
      return blocker ?? "Ready.";
    case "starting":
      return `${status?.text ?? "Starting"} …`;
    case "training":
      if (pausing !== null)
        return `Pausing: the steps that the GPU has been given end first${step > pausing ? `, ${step - pausing} so far` : ""} …`;
      if (status) return `${status.text} …`;
      return step === 0 && validations.length > 0 ? "First steps …" : "Training";
    case "paused":
      return step === 0 ? "Paused before step 1" : "Paused";
    case "done":
      return stopped ? "Stopped" : "Done";
    case "failed":
      return fault?.kind === "lost" ? "The graphics device was lost" : "The race had to stop";
  }
}

function Rates({ race }: { readonly race: RunState }) {
  const { phase, config, step, imagesPerSecond } = race;
  const plan = useStudies((studies) => studies.plan);
  if (phase === "idle" || !config) return null;
  const perStep = secondsPerStep(race);
  const { made, all } = progressOf(plan, step);
  const left = phase === "training" && perStep !== null ? (all - made) * perStep : null;
  const races = plan.reduce((sum, { seeds }) => sum + seeds.length, 0);
  const ended = plan.reduce((sum, { results }) => sum + results.length, 0);
  return (
    <p className="rates">
      <b>
        step {count(step)} / {count(config.steps)}
      </b>
      {races > 1 && <span>{ended < races && phase !== "done" ? `race ${ended + 1} of ${races}` : `${ended} of ${races} races`}</span>}
      {left !== null && <span>{duration(left)} left</span>}
      {imagesPerSecond !== null && <span className="speed">{plain(imagesPerSecond)} images/s</span>}
      {perStep !== null && <span className="speed">{milliseconds(1000 * perStep)}/step</span>}
    </p>
  );
}

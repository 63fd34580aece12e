/** Train, pause, step, stop, reset, and how far the race is. */
import { parsePreprocess } from "../../data/preprocess.ts";
import { useAdopted } from "../../store/adopted.ts";
import { useImages } from "../../store/images.ts";
import { useModels } from "../../store/models.ts";
import { pauseRace, resetRace, resumeRace, startRace, stepRace, stopRace, useRace } from "../../store/race.ts";
import { whyNot } from "../../store/ready.ts";
import { type RunState, secondsLeft } from "../../store/run.ts";
import { useSetup } from "../../store/setup.ts";
import { count, duration, milliseconds, plain } from "../numbers.ts";
import { Icon } from "../parts/icon.tsx";

export function Controls() {
  const race = useRace();
  const dataset = useImages((images) => images.dataset);
  const config = useSetup((setup) => setup.config);
  const { phase } = race;
  const blocker = useBlocker();
  const running = phase === "starting" || phase === "training" || phase === "paused";
  const start = (paused: boolean) => dataset && startRace(config, dataset, paused);

  const main =
    phase === "training" || phase === "starting"
      ? ({ name: "Pause", icon: "pause", act: pauseRace } as const)
      : phase === "paused"
        ? ({ name: "Resume", icon: "play", act: resumeRace } as const)
        : ({ name: "Train", icon: "play", act: () => start(false) } as const);
  const canStart = running || blocker === null;
  // From nothing, a step prepares the race and waits before step 1, with the zero-shot accuracy to look at.
  const step = () => (phase === "paused" ? stepRace() : start(true));
  return (
    <div className="controls">
      <div className="buttons">
        {/* One button that changes its name, so that the keyboard's focus stays where it is. */}
        <button type="button" className="primary main" disabled={!canStart || phase === "starting"} onClick={main.act}>
          <Icon name={main.icon} /> {main.name}
        </button>
        <button type="button" disabled={!canStart || phase === "starting" || phase === "training"} onClick={step}>
          <Icon name="step" /> <span className="label">Step</span>
        </button>
        <button type="button" disabled={phase !== "training" && phase !== "paused"} onClick={stopRace}>
          <Icon name="stop" /> <span className="label">Stop</span>
        </button>
        <button type="button" disabled={phase === "idle"} onClick={resetRace}>
          <Icon name="reset" /> <span className="label">Reset</span>
        </button>
      </div>
      <Position race={race} blocker={blocker} />
    </div>
  );
}

/** What still stands in the way of a race. */
function useBlocker(): string | null {
  const { dataset, prepared } = useImages();
  const config = useSetup((setup) => setup.config);
  const facts = useModels(({ known }) => known.get(config.model));
  const looking = useModels((models) => models.looking.has(config.model));
  const held = useAdopted((adopted) => adopted.held);
  if (looking) return "Looking up the model …";
  return whyNot({ config, dataset, prepared, wanted: facts ? parsePreprocess(facts.preprocess) : null, facts, held });
}

function Position({ race, blocker }: { readonly race: RunState; readonly blocker: string | null }) {
  const { phase, status, step, config } = race;
  const steps = config?.steps ?? 0;
  const fraction = phase === "starting" ? status?.progress : steps > 0 ? step / steps : 0;
  return (
    <div className="position">
      {phase !== "idle" && <progress aria-label="Race" value={fraction ?? undefined} />}
      <p role="status" className="position-text">
        {describe(race, blocker)}
      </p>
      <Rates race={race} />
    </div>
  );
}

function describe({ phase, status, step, stopped, validations, fault }: RunState, blocker: string | null): string {
  switch (phase) {
    case "idle":
      return blocker ?? "Ready.";
    case "starting":
      return `${status?.text ?? "Starting"} …`;
    case "training":
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
  const { phase, config, step, imagesPerSecond, lanes } = race;
  if (phase === "idle" || !config) return null;
  const left = phase === "training" ? secondsLeft(race) : null;
  const perStep = lanes.reduce((sum, lane) => sum + (lane.msPerStep ?? 0), 0);
  return (
    <p className="rates">
      <b>
        step {count(step)} / {count(config.steps)}
      </b>
      {left !== null && <span>{duration(left)} left</span>}
      {imagesPerSecond !== null && <span>{plain(imagesPerSecond)} images/s</span>}
      {perStep > 0 && <span>{milliseconds(perStep)}/step</span>}
    </p>
  );
}

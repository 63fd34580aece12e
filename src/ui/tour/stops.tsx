/** The stops of the tour: a card beside what it explains, never over it. */
import { Popover } from "radix-ui";
import { useLayoutEffect, useRef, useState } from "react";
import { useImages } from "../../store/images.ts";
import { useRace } from "../../store/race.ts";
import type { Phase } from "../../store/run.ts";
import { useSetup } from "../../store/setup.ts";
import { endTour, goTo, useTour } from "../../store/tour.ts";

interface Stop {
  /** What it explains, as a selector; the first that is there. */
  readonly at: readonly string[];
  readonly side: "top" | "right" | "bottom" | "left";
  readonly title: string;
  readonly says: string | ((page: Page) => string);
}

/** What is on the page while the tour goes past. */
interface Page {
  readonly lanes: number;
  /** They are kept at about equally many parameters. */
  readonly match: boolean;
  readonly phase: Phase;
  /** The images are the visitor's own. */
  readonly own: boolean;
}

const lanesSay = ({ lanes, match }: Page): string => {
  const who = "Who races. Press a lane to see its settings, each with a line that says what it does; Add method brings another.";
  if (lanes < 2) return `${who} With two or more there is something to compare.`;
  return match
    ? `${who} Their settings are kept so that all train about equally many parameters, as near as each method comes: the small figure on each.`
    : `${who} The small figure on each is how many parameters it trains.`;
};

export const STOPS: readonly Stop[] = [
  {
    at: [".panel.images .summary", ".panel.images .sources", ".panel.images h2"],
    side: "bottom",
    title: "Images",
    says: ({ own }) =>
      own
        ? "Your pictures, class by class: rename, move and remove what should not be there. They stay on this machine."
        : "A small set of pictures, so that there is something to try. Yours come in the same way: drop a folder that holds one folder per class. They stay on this machine.",
  },
  {
    at: [".panel.lanes .chips"],
    side: "top",
    title: "Lanes",
    says: lanesSay,
  },
  {
    at: [".controls .buttons"],
    side: "bottom",
    title: "Train",
    says: ({ phase }) =>
      phase === "idle"
        ? "Press Train now, so that there is something to see at the next stops. All lanes learn from the same batches, in turn. Pause and Stop keep what is there."
        : "All lanes learn from the same batches, in turn. Step does one step at a time; Pause and Stop keep what is there.",
  },
  {
    at: [".figure.accuracy"],
    side: "bottom",
    title: "Accuracy",
    says: "The share of held-out pictures that each method gets right while it learns. Every chart can be read as a table, too.",
  },
  {
    at: [".figure.spectrum"],
    side: "top",
    title: "Rank of the update",
    says: "What this page is about: how many directions each method's change of the model uses. LoRA stops at its r, the wall. RandLoRA goes on.",
  },
  {
    at: [".panel.result .scroll", ".panel.result h2"],
    side: "left",
    title: "Result",
    says: ({ phase }) =>
      `${phase === "idle" ? "Once a race is on, the figures" : "The figures"} with their intervals, and in words whether a difference means anything. Export saves what was trained as files. How this works has the equations.`,
  },
  {
    at: [".closer-head"],
    side: "top",
    title: "Look closer",
    says: "Below the race: which classes are confused and which images, what each method looks at, the paper's analyses, and all runs that were kept.",
  },
];

const find = ({ at }: Stop): HTMLElement | null =>
  at.map((selector) => document.querySelector<HTMLElement>(selector)).find(Boolean) ?? null;

/** Panels lie below each other, with no room beside them. */
const isNarrow = (): boolean => matchMedia("(max-width: 1199px)").matches;

export default function Tour() {
  const stop = useTour((tour) => tour.stop) ?? 0;
  const isLoading = useImages(({ importing }) => importing !== null);
  const here = STOPS[stop] as Stop;
  const phase = useRace((race) => race.phase);
  const own = useSetup(({ sample }) => sample === null) && !isLoading;
  const [lanes, match] = [useSetup(({ config }) => config.lanes.length), useSetup((setup) => setup.match)];
  const says = typeof here.says === "string" ? here.says : here.says({ lanes, match, phase, own });
  const [target, setTarget] = useState<HTMLElement | null>(null);
  const anchor = useRef<HTMLElement | null>(null);
  const onward = useRef<HTMLButtonElement>(null);

  // The place of the first stop is another once the sample is there.
  useLayoutEffect(() => {
    const found = isLoading ? document.querySelector<HTMLElement>(".panel.images h2") : find(here);
    found?.setAttribute("data-tour", "");
    // What is tall stands at the top, so that there is room for the card below; what is in sight already stays there.
    found?.scrollIntoView({ block: found.offsetHeight > innerHeight / 3 ? "start" : isNarrow() ? "center" : "nearest" });
    anchor.current = found;
    setTarget(found);
    return () => found?.removeAttribute("data-tour");
  }, [here, isLoading]);

  if (!target) return null;
  const last = stop === STOPS.length - 1;
  return (
    <Popover.Root open onOpenChange={(open) => open || endTour()}>
      <Popover.Anchor virtualRef={anchor as { readonly current: HTMLElement }} />
      <Popover.Portal>
        <Popover.Content
          key={`${stop} ${isLoading}`}
          className="popover stop"
          side={isNarrow() && (here.side === "left" || here.side === "right") ? "bottom" : here.side}
          sideOffset={10}
          collisionPadding={12}
          aria-labelledby="tour-title"
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            onward.current?.focus();
          }}
          onInteractOutside={(event) => event.preventDefault()}
          onCloseAutoFocus={(event) => event.preventDefault()}
        >
          <h3 id="tour-title">{here.title}</h3>
          <p>{isLoading && stop === 0 ? `${says} They are just coming in.` : says}</p>
          <div className="row">
            <span className="hint">
              {stop + 1} of {STOPS.length}
            </span>
            {!last && (
              <button type="button" className="quiet" onClick={endTour}>
                Skip
              </button>
            )}
            {stop > 0 && (
              <button type="button" onClick={() => goTo(stop - 1)}>
                Back
              </button>
            )}
            <button ref={onward} type="button" className="primary" onClick={() => (last ? endTour() : goTo(stop + 1))}>
              {last ? "Done" : "Next"}
            </button>
          </div>
          <Popover.Arrow className="arrow" />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

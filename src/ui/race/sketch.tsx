/** Before there is a spectrum: a drawing of what will appear, plainly marked as one. */
import { sidesOf } from "../../store/methods.ts";
import { useModels } from "../../store/models.ts";
import { useSetup } from "../../store/setup.ts";
import type { RunConfig } from "../../train/run.ts";

/** LoRA has its wall only where its r is less than the directions that a layer has: not with every model, nor with every r. */
export function wallWords(lanes: RunConfig["lanes"], directions: number | undefined): string {
  const rank = lanes.find(({ method }) => method === "lora")?.settings.rank;
  if (rank === undefined || directions === undefined) return "LoRA stops at r: the wall";
  return rank < directions ? `LoRA stops at r = ${rank}: the wall` : `With r below ${directions} LoRA stops: the wall`;
}

/** `lanes` of the race that is on; without one those of the settings. */
export function Sketch({ lanes }: { readonly lanes: RunConfig["lanes"] | undefined }) {
  const config = useSetup((setup) => setup.config);
  const isKnown = useModels(({ known }) => known.has(config.model));
  const wall = wallWords(lanes ?? config.lanes, isKnown ? sidesOf(config)?.greatest : undefined);
  return (
    <svg
      className="chart sketch"
      viewBox="0 0 640 200"
      role="img"
      aria-label={`Sketch: LoRA's singular values fall to zero at r, RandLoRA's run on to full rank. ${wall}.`}
    >
      <path className="axis" d="M40 8V176H600" />
      <path d="M40 22C70 30 100 36 130 40V176" stroke="var(--lora)" />
      <path d="M40 22C150 42 380 56 600 84" stroke="var(--randlora)" strokeDasharray="7 4" />
      <text x="142" y="112" fill="var(--lora)">
        {wall}
      </text>
      <text x="600" y="46" textAnchor="end" fill="var(--randlora)">
        RandLoRA can use every direction
      </text>
      <text x="600" y="194" textAnchor="end" className="faint">
        directions of the update, strongest first
      </text>
      <text x="320" y="152" textAnchor="middle" className="faint">
        A sketch. Train to see the real one, layer by layer.
      </text>
    </svg>
  );
}

/** The adapted layers as small bars of effective rank; sweep with the mouse or the arrow keys to look into one. */
import { type KeyboardEvent, memo, useState } from "react";
import type { LaneRun } from "../../store/run.ts";
import type { LayerRank } from "../../train/run.ts";
import type { Look } from "../look.ts";

interface Props {
  readonly ranks: readonly LaneRun["rank"][];
  readonly looks: readonly Look[];
  readonly chosen: string | undefined;
  readonly onChoose: (path: string) => void;
}

export function layerName({ block, target }: LayerRank): string {
  return `Block ${block + 1}, ${target}`;
}

/** Of all lanes, in the order of the model: imported ones may have layers of their own. */
export function layersOf(ranks: readonly LaneRun["rank"][]): readonly LayerRank[] {
  const [longest = [], ...others] = ranks.map((rank) => rank?.layers ?? []).sort((a, b) => b.length - a.length);
  const paths = new Set(longest.map(({ path }) => path));
  const rest = others.flat().filter(({ path }) => !paths.has(path) && paths.add(path));
  return rest.length > 0 ? [...longest, ...rest].sort((a, b) => a.block - b.block) : longest;
}

export const Layers = memo(function Layers({ ranks, looks, chosen, onChoose }: Props) {
  // Where the pointer is, while it sweeps; leaving goes back to the layer that was clicked.
  const [pinned, setPinned] = useState<string>();
  const layers = layersOf(ranks);
  if (layers.length === 0) return null;

  const at = Math.max(
    0,
    layers.findIndex(({ path }) => path === chosen),
  );
  const most = Math.max(1, ...layers.map(({ singularValues }) => singularValues.length));
  const effective = (path: string) => ranks.map((rank) => rank?.layers.find((layer) => layer.path === path)?.effectiveRank ?? Number.NaN);
  const pin = (path: string) => {
    setPinned(path);
    onChoose(path);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const perBlock = layers.filter(({ block }) => block === layers[at]?.block).length;
    const moves: Readonly<Record<string, number>> = {
      ArrowLeft: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + perBlock,
      ArrowDown: at - perBlock,
      PageUp: at + perBlock,
      PageDown: at - perBlock,
      Home: 0,
      End: layers.length - 1,
    };
    const next = moves[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const layer = layers[Math.min(layers.length - 1, Math.max(0, next))];
    if (layer) pin(layer.path);
  };
  const current = layers[at];
  const spoken = current
    ? `${layerName(current)}: effective rank ${looks.map(({ name }, lane) => `${name} ${written(effective(current.path)[lane])}`).join(", ")}`
    : "";
  return (
    <div className="layers">
      <p className="hint">Effective rank of each adapted layer. Point at one, or use the arrow keys.</p>
      <div
        className="layer-bars"
        role="slider"
        tabIndex={0}
        aria-label="Layer"
        aria-valuemin={1}
        aria-valuemax={layers.length}
        aria-valuenow={at + 1}
        aria-valuetext={spoken}
        onKeyDown={onKeyDown}
        onPointerOver={({ target }) => withPath(target, onChoose)}
        onPointerLeave={() => pinned && onChoose(pinned)}
        onClick={({ target }) => withPath(target, pin)}
      >
        {layers.map((layer, index) => (
          <div
            key={layer.path}
            className={`layer ${index === at ? "chosen" : ""} ${index > 0 && layers[index - 1]?.block !== layer.block ? "first" : ""}`}
            data-path={layer.path}
          >
            {effective(layer.path).map((rank, lane) => (
              <i
                key={looks[lane]?.name}
                style={{ height: `${(100 * (Number.isFinite(rank) ? rank : 0)) / most}%`, background: looks[lane]?.color }}
              />
            ))}
          </div>
        ))}
      </div>
      <div className="layer-blocks" aria-hidden="true">
        {[...new Set(layers.map(({ block }) => block))].map((block) => (
          <span key={block}>{block + 1}</span>
        ))}
      </div>
    </div>
  );
});

/** Calls with the layer whose bars lie under the pointer. */
function withPath(target: EventTarget, use: (path: string) => void): void {
  const path = target instanceof Element ? target.closest<HTMLElement>("[data-path]")?.dataset.path : undefined;
  if (path) use(path);
}

function written(rank: number | undefined): string {
  return rank !== undefined && Number.isFinite(rank) ? rank.toFixed(1) : "not yet";
}

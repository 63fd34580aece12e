/** The adapted layers as small bars of effective rank; sweep with the mouse or the arrow keys to look into one. */
import { type KeyboardEvent, memo } from "react";
import { blocksOf, isText, layerName } from "../../store/layers.ts";
import type { LaneRun } from "../../store/run.ts";
import type { LayerRank } from "../../train/run.ts";
import type { Look } from "../look.ts";

interface Props {
  readonly layers: readonly LayerRank[];
  readonly ranks: readonly LaneRun["rank"][];
  readonly looks: readonly Look[];
  /** The one that is shown: chosen, or pointed at. */
  readonly chosen: string | undefined;
  readonly onChoose: (path: string) => void;
  /** While the pointer sweeps; undefined when it leaves. */
  readonly onPoint: (path: string | undefined) => void;
}

export const Layers = memo(function Layers({ layers, ranks, looks, chosen, onChoose, onPoint }: Props) {
  if (layers.length === 0) return null;

  const at = Math.max(
    0,
    layers.findIndex(({ path }) => path === chosen),
  );
  const blocks = blocksOf(layers);
  const texts = layers.filter(isText).length;
  const towers = [["image tower", layers.length - texts] as const, ["text tower", texts] as const].filter(([, size]) => size > 0);
  const firsts = new Set(blocks.map(([first]) => first));
  const most = Math.max(1, ...layers.map(({ singularValues }) => singularValues.length));
  const effective = (path: string) => ranks.map((rank) => rank?.layers.find((layer) => layer.path === path)?.effectiveRank ?? Number.NaN);
  const onKeyDown = (event: KeyboardEvent) => {
    const perBlock = blocks.find((block) => block.some((layer) => layer === layers[at]))?.length ?? 1;
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
    if (layer) onChoose(layer.path);
  };
  const current = layers[at];
  const spoken = current
    ? `${layerName(current, layers)}: effective rank ${looks.map(({ name }, lane) => `${name} ${written(effective(current.path)[lane])}`).join(", ")}`
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
        onPointerOver={({ target }) => withPath(target, onPoint)}
        onPointerLeave={() => onPoint(undefined)}
        onClick={({ target }) => withPath(target, onChoose)}
      >
        {layers.map((layer, index) => (
          <div
            key={layer.path}
            className={`layer ${index === at ? "chosen" : ""} ${index > 0 && firsts.has(layer) ? "first" : ""}`}
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
        {blocks.map((block) => (
          <span key={block[0]?.path} style={{ flexGrow: block.length }}>
            {(block[0]?.block ?? 0) + 1}
          </span>
        ))}
      </div>
      <div className="layer-blocks" aria-hidden="true">
        {towers.length > 1 &&
          towers.map(([title, size]) => (
            <span key={title} style={{ flexGrow: size }}>
              {title}
            </span>
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

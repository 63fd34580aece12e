/** GPU memory by part, as one bar and in numbers. */
import type { Memory } from "../../train/run.ts";
import type { Look } from "../look.ts";
import { bytes } from "../numbers.ts";

interface Part {
  readonly name: string;
  readonly size: number;
  readonly color: string;
}

const pale = (color = "", share: number) => `color-mix(in oklab, ${color} ${share}%, var(--panel))`;

export function MemoryParts({ memory, looks }: { readonly memory: Memory | null; readonly looks: readonly Look[] }) {
  if (!memory) return null;
  const parts: readonly Part[] = [
    { name: "weights", size: memory.weights, color: "var(--ink-3)" },
    { name: "activations", size: memory.activations, color: "var(--ink-4)" },
    ...memory.lanes.flatMap(({ trainable, optimizer, frozen }, lane) => [
      { name: `${looks[lane]?.name} trained`, size: trainable, color: looks[lane]?.color ?? "" },
      { name: `${looks[lane]?.name} optimizer`, size: optimizer, color: pale(looks[lane]?.color, 70) },
      { name: `${looks[lane]?.name} frozen bases`, size: frozen, color: pale(looks[lane]?.color, 40) },
    ]),
  ].filter(({ size }) => size > 0);
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  return (
    <details className="memory">
      <summary>
        GPU memory <b>{bytes(total)}</b>
        <span className="memory-bar" aria-hidden="true">
          {parts.map(({ name, size, color }) => (
            <i key={name} style={{ width: `${(100 * size) / total}%`, background: color }} />
          ))}
        </span>
      </summary>
      <dl>
        {parts.map(({ name, size, color }) => (
          <div key={name}>
            <dt>
              <i className="dot" style={{ background: color }} />
              {name}
            </dt>
            <dd>{bytes(size)}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

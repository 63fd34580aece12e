/** Test accuracy against the parameters that were trained, a line for each method, and against the setting itself. */
import { useEffect, useMemo, useState } from "react";
import { CartesianGrid, Line, LineChart, ResponsiveContainer, usePlotArea, useXAxisScale, useYAxisScale, XAxis, YAxis } from "recharts";
import { describePoint, SETTINGS, type Sweep, titleOfValue } from "../../store/sweep.ts";
import { judgeSweep, linesOf, recordsOf, type SweepDot, type SweepLine, type SweepPlan, type SweepVerdict } from "../../store/sweeping.ts";
import { lookOf, titleOf } from "../look.ts";
import { count, percent, plural, short } from "../numbers.ts";
import { Figure, type Table } from "../parts/figure.tsx";
import { useRem } from "../parts/rem.ts";
import { Term } from "../parts/term.tsx";
import { EndLabels, labelRoom } from "../race/labels.tsx";

interface Drawn {
  readonly id: string;
  readonly name: string;
  readonly color: string;
  readonly dash: string;
  readonly dots: readonly (SweepDot & { readonly x: number })[];
}

export function SweepCharts({ plan, sweep }: { readonly plan: SweepPlan; readonly sweep: Sweep }) {
  const lines = useMemo(() => linesOf(plan), [plan]);
  const drawn = (xOf: (dot: SweepDot) => number): readonly Drawn[] =>
    lines.map(({ method, dots }) => {
      const placed = dots.map((dot) => ({ ...dot, x: xOf(dot) })).sort((a, b) => a.x - b.x);
      return { id: method, name: nameOf(method), ...lookOf(method.split(" ")[0] ?? ""), dots: placed };
    });
  const { setting } = sweep;
  const named = setting === "targets";
  const xOfValue = ({ value }: SweepDot) => (named ? sweep.values.indexOf(value) + 1 : Number(value));
  const part = plan.kept.find((run) => run !== undefined)?.part ?? "test";
  const table = (): Table => ({
    head: ["Method", SETTINGS[setting].title, "Trained", "Accuracy", "95 % interval", "Seeds"],
    rows: drawn(({ parameters }) => parameters).flatMap(({ name, dots }) =>
      dots.map(({ value, parameters, judged }) => [
        `${name}, ${titleOfValue(setting, value)}`,
        titleOfValue(setting, value),
        count(parameters),
        percent(judged.accuracy),
        `${percent(judged.low)} to ${percent(judged.high)}`,
        String(judged.seeds),
      ]),
    ),
  });
  const verdict = useVerdict(lines);
  const finding = findingOf(
    drawn(({ parameters }) => parameters),
    (value) => describePoint({ setting, value }),
    verdict,
  );
  return (
    <div className="runs-charts">
      <Figure
        title={
          <Term
            explains={
              <p>
                Each dot is a run, its bar the 95 % interval. As in Figure 1 of the RandLoRA paper (Albert and others 2025): where LoRA's
                line flattens while it is given more parameters, its rank is what holds it back.
              </p>
            }
          >
            {part === "test" ? "Test" : "Validation"} accuracy against trained parameters
          </Term>
        }
        finding={finding}
        table={table}
      >
        <Dots label="Accuracy against trained parameters" lines={drawn(({ parameters }) => parameters)} write={short} />
      </Figure>
      <Figure title={`Accuracy against ${SETTINGS[setting].title.toLowerCase()}`} finding={finding} table={table}>
        <Dots
          label={`Accuracy against ${SETTINGS[setting].title}`}
          lines={drawn(xOfValue)}
          write={(x) => (named ? titleOfValue(setting, sweep.values[x - 1] ?? "") : String(x))}
          linear={named}
        />
      </Figure>
    </div>
  );
}

/** "LoRA 2" of the second lane of a method. */
function nameOf(line: string): string {
  const [id = "", twin] = line.split(" ");
  return [titleOf(id), twin].filter(Boolean).join(" ");
}

/** Read from the kept runs, so it comes a moment after the dots. */
function useVerdict(lines: readonly SweepLine[]): SweepVerdict | null {
  const [verdict, setVerdict] = useState<SweepVerdict | null>(null);
  useEffect(() => {
    let stale = false;
    setVerdict(null);
    const judge = async () => {
      const found = await judgeSweep(lines, await recordsOf(lines));
      if (!stale) setVerdict(found);
    };
    // A run that cannot be read tells so in its own place.
    judge().catch(() => undefined);
    return () => {
      stale = true;
    };
  }, [lines]);
  return verdict;
}

function findingOf(lines: readonly Drawn[], write: (value: string) => string, verdict: SweepVerdict | null): string {
  const best = lines.flatMap(({ name, dots }) => {
    const top = dots.reduce<SweepDot | undefined>(
      (most, dot) => (dot.judged.accuracy > (most?.judged.accuracy ?? -1) ? dot : most),
      undefined,
    );
    return top ? [`${name} ${percent(top.judged.accuracy)} at ${write(top.value)} (${short(top.parameters)})`] : [];
  });
  if (best.length === 0) return "No race of this sweep has run yet.";
  return `Best: ${best.join(", ")}.${verdict ? ` ${verdictOf(verdict, write)}` : ""}`;
}

function verdictOf({ method, value, others, ahead, part, images, seeds }: SweepVerdict, write: (value: string) => string): string {
  const name = `${nameOf(method)} at ${write(value)}`;
  const on = `${plural(images, `${part} image`)}, ${plural(seeds, "seed")}, corrected for ${plural(others, "comparison")}`;
  if (ahead === others)
    return `${name} is ahead of ${others === 1 ? "the other" : `all ${others} others`} by more than chance gives (${on}).`;
  if (ahead === 0)
    return `No difference beyond chance: ${name} cannot be told from ${others === 1 ? "the other" : `any of the ${others} others`} (${on}).`;
  return `${name} is ahead of ${ahead} of the ${others} others by more than chance gives; the rest cannot be told from it (${on}).`;
}

interface DotsProps {
  readonly label: string;
  readonly lines: readonly Drawn[];
  readonly write: (x: number) => string;
  readonly linear?: boolean;
}

function Dots({ label, lines, write, linear = false }: DotsProps) {
  const rem = useRem();
  const dots = lines.flatMap((line) => line.dots);
  const xs = [...new Set(dots.map(({ x }) => x))].sort((a, b) => a - b);
  const [least = 1, most = 2] = [xs[0], xs.at(-1)];
  const low = Math.max(0, Math.floor(10 * Math.min(1, ...dots.map(({ judged }) => judged.low))) / 10);
  const high = Math.min(1, Math.ceil(10 * Math.max(0, ...dots.map(({ judged }) => judged.high))) / 10);
  const ticks = apart(xs, linear ? Number : Math.log);
  return (
    <div className="chart">
      <ResponsiveContainer width="100%" height="100%">
        <LineChart
          data={dots.length > 0 ? dots.map(({ x, judged }) => ({ x, y: judged.accuracy })) : [{ x: 1, y: 0 }]}
          title={label}
          margin={{ top: 0.5 * rem, right: labelRoom(lines, rem) + 0.2 * rem, bottom: 0, left: 0 }}
        >
          <CartesianGrid vertical={false} stroke="var(--grid)" />
          <XAxis
            dataKey="x"
            type="number"
            scale={linear ? "linear" : "log"}
            domain={linear ? [least - 0.3, most + 0.3] : [least / 1.15, most * 1.15]}
            ticks={ticks}
            interval={0}
            height={1.5 * rem}
            tickMargin={0.25 * rem}
            tickFormatter={write}
            stroke="var(--axis)"
            tickLine={false}
          />
          <YAxis
            domain={dots.length > 0 ? [low, high] : [0, 1]}
            ticks={sharesBetween(low, high)}
            width={3.1 * rem}
            tickMargin={0.25 * rem}
            tickFormatter={(share: number) => percent(share, 0)}
            axisLine={false}
            tickLine={false}
          />
          {/* Unseen: the axes want data of the library's own. */}
          <Line dataKey="y" stroke="none" dot={false} activeDot={false} isAnimationActive={false} />
          <Marks lines={lines} />
          <EndLabels
            labels={lines.flatMap(({ id, name, color, dots: own }) => {
              const last = own.at(-1);
              return last ? [{ id, name, color, x: last.x, y: last.judged.accuracy }] : [];
            })}
          />
        </LineChart>
      </ResponsiveContainer>
    </div>
  );
}

/** Those that do not run into one another. */
function apart(xs: readonly number[], place: (x: number) => number): number[] {
  const gap = (place(xs.at(-1) ?? 1) - place(xs[0] ?? 1)) / 7;
  const kept: number[] = [];
  for (const x of xs) if (kept.length === 0 || place(x) - place(kept.at(-1) as number) >= gap) kept.push(x);
  return kept;
}

/** Round shares from one to the other, six at most. */
function sharesBetween(low: number, high: number): number[] {
  const step = high - low > 0.5 ? 0.2 : high - low > 0.2 ? 0.1 : 0.05;
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(2)));
}

/** Lines, dots and the bars of their intervals. */
function Marks({ lines }: { readonly lines: readonly Drawn[] }) {
  const rem = useRem();
  const plot = usePlotArea();
  const toX = useXAxisScale();
  const toY = useYAxisScale();
  if (!plot || !toX || !toY) return null;
  return (
    <g fill="none">
      {lines.map(({ id, color, dash, dots }, index) => {
        const placed = dots.map(({ x, value, judged }) => ({
          value,
          // Beside one another, where methods have a value in common.
          px: (toX(x) ?? plot.x) + (index - (lines.length - 1) / 2) * 0.3 * rem,
          py: toY(judged.accuracy) ?? plot.y,
          top: toY(judged.high) ?? plot.y,
          bottom: toY(judged.low) ?? plot.y,
        }));
        const path = placed.map(({ px, py }, at) => `${at === 0 ? "M" : "L"}${px.toFixed(1)} ${py.toFixed(1)}`).join("");
        return (
          <g key={id} stroke={color}>
            <path d={path} strokeWidth={0.13 * rem} strokeDasharray={dash} />
            {placed.map(({ value, px, py, top, bottom }) => (
              <g key={value}>
                <line x1={px} x2={px} y1={top} y2={bottom} strokeWidth={0.08 * rem} strokeOpacity={0.6} />
                <circle cx={px} cy={py} r={0.22 * rem} fill={color} />
              </g>
            ))}
          </g>
        );
      })}
    </g>
  );
}

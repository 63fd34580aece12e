/** One kept run: its table, verdicts and charts as they were, and ways to take it along. */
import { useEffect, useMemo, useRef, useState } from "react";
import type { Judgement } from "../../analysis/judge.ts";
import { deliberate } from "../../analysis/jury.ts";
import type { RunRecord } from "../../store/record.ts";
import { isZeroShot } from "../../store/run.ts";
import { openRun } from "../../store/runs.ts";
import { saveJson, saveReport, saveTable, setUpLike } from "../../store/runsfile.ts";
import { recallsOf } from "../../store/runsreport.ts";
import { counted } from "../../store/study.ts";
import { curvesOf } from "../../store/studycurves.ts";
import { figuresOf } from "../../store/studyfigures.ts";
import { measuredOver } from "../../store/verdict.ts";
import { type Look, looksOf } from "../look.ts";
import { count, percent } from "../numbers.ts";
import { pictureIn, svgOf } from "../parts/picture.ts";
import { Comparison } from "../result/comparison.tsx";
import { Headline, Statements } from "../result/statements.tsx";
import { RunCharts } from "./charts.tsx";

export function RunDetail({ id }: { readonly id: string }) {
  const [record, setRecord] = useState<RunRecord | null | undefined>(null);
  const [judgement, setJudgement] = useState<Judgement | null>(null);
  useEffect(() => {
    let stale = false;
    const load = async () => {
      const found = await openRun(id);
      if (stale) return;
      setRecord(found);
      const measured = found && measuredOver(found.tested, counted(found));
      if (!measured) return;
      const judged = await deliberate(measured);
      if (!stale) setJudgement(judged);
    };
    void load().catch(() => !stale && setRecord(undefined));
    return () => {
      stale = true;
    };
  }, [id]);
  if (record === null) return <p role="status">Opening …</p>;
  if (record === undefined) return <p role="alert">This run cannot be read any more. Delete it, or import its JSON again.</p>;
  return <Opened record={record} judgement={judgement} />;
}

function Opened({ record, judgement }: { readonly record: RunRecord; readonly judgement: Judgement | null }) {
  const { config, lanes, tested, data, device } = record;
  const results = counted(record);
  const looks = useMemo(() => looksOf(config.lanes), [config]);
  const figures = useMemo(() => figuresOf(counted(record), lanes), [record, lanes]);
  const curves = useMemo(() => curvesOf(counted(record), looks.length), [record, looks]);
  const place = useRef<HTMLElement>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  // It opens below the list, and maybe below the fold.
  useEffect(() => {
    place.current?.scrollIntoView({ block: "start" });
    heading.current?.focus({ preventScroll: true });
  }, []);
  const report = () => {
    const names = looks.map(({ name }) => name);
    void saveReport({ record, judgement, names, charts: chartsIn(place.current) });
  };
  return (
    <article className="runs-detail" ref={place} aria-label={record.name}>
      <h3 ref={heading} tabIndex={-1} dir="auto">
        {record.name}
      </h3>
      <p className="hint">
        {count(config.steps)} steps of {config.batch} on {device.gpu || "an unknown device"}
        {device.software ? ", in software" : ""}.
      </p>
      <div className="row">
        <button type="button" onClick={() => setUpLike(record)}>
          Set up like this
        </button>
        <button type="button" onClick={report}>
          Report
        </button>
        <button type="button" onClick={() => saveJson(record)}>
          JSON
        </button>
        <button type="button" onClick={() => void saveTable([record.id], "figures")}>
          CSV of figures
        </button>
        <button type="button" onClick={() => void saveTable([record.id], "curves")}>
          CSV of curves
        </button>
      </div>
      <div className="runs-parts">
        <div>
          {judgement && tested && <Headline judged={{ judgement, part: tested.part }} final looks={looks} />}
          <Comparison
            looks={looks}
            figures={figures}
            judged={judgement}
            before={isZeroShot(config) ? "Zero-shot" : "Before"}
            part={tested?.part ?? "test"}
            seeds={results.length}
          />
          {judgement && tested && <Statements judged={{ judgement, part: tested.part }} looks={looks} />}
        </div>
        <RunCharts looks={looks} curves={curves} seeds={results.length} steps={config.steps} />
      </div>
      {data.classes.length > 0 && <Recalls record={record} looks={looks} />}
    </article>
  );
}

/** The charts as they are drawn now; those that are shown as tables are left out. */
function chartsIn(place: HTMLElement | null) {
  return [...(place?.querySelectorAll("figure") ?? [])].flatMap((figure) => {
    const picture = pictureIn(figure);
    if (!(picture instanceof SVGSVGElement)) return [];
    const text = (selector: string) => figure.querySelector(selector)?.textContent ?? "";
    return [{ title: text("h3"), finding: text("figcaption"), svg: svgOf(picture) }];
  });
}

const MOST_CLASSES = 200;

function Recalls({ record, looks }: { readonly record: RunRecord; readonly looks: readonly Look[] }) {
  const rows = useMemo(() => recallsOf(record), [record]);
  if (rows.length === 0) return null;
  return (
    <details>
      <summary>Class by class</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area must be reachable by keyboard */}
      <section className="scroll numbers" aria-label="Class by class" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col">Images</th>
              {looks.map(({ name }) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, MOST_CLASSES).map(({ name, images, lanes }) => (
              <tr key={name}>
                <th scope="row" dir="auto">
                  {name}
                </th>
                <td>{count(images)}</td>
                {lanes.map((recall, lane) => (
                  <td key={looks[lane]?.name}>{recall === null ? "–" : percent(recall)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}

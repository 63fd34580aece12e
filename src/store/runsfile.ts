/** Kept runs to take away and to bring in: JSON, tables, a report; and a run's settings back into the setup. */
import { readAddress } from "./address.ts";
import { loadSample, useImages } from "./images.ts";
import { slug } from "./names.ts";
import type { RunRecord } from "./record.ts";
import { keepRun, openRun, useRuns } from "./runs.ts";
import { summaryOf } from "./runsmade.ts";
import type { ReportParts } from "./runsreport.ts";
import { save } from "./save.ts";
import { useSetup } from "./setup.ts";

/** Larger ones are no run: reading them would only hold up the page. */
const MOST_BYTES = 200 * 2 ** 20;

/** "fullrank-lora-randlora-on-eurosat" */
const fileName = ({ name }: Pick<RunRecord, "name">): string => `fullrank-${slug(name, "run")}`;

export function saveJson(record: RunRecord): void {
  save(new Blob([toJson(record)], { type: "application/json" }), `${fileName(record)}.json`);
}

/** Typed arrays as lists; what is not finite as null. */
export function toJson(record: RunRecord): string {
  return JSON.stringify(record, (_, value: unknown) => (ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value), 1);
}

/** One row for every lane and seed of the runs, or for every step of their curves. */
export function saveTable(ids: readonly string[], kind: "figures" | "curves"): Promise<void> {
  return written("table", async () => {
    const { curvesCsv, figuresCsv } = await import("./runscsv.ts");
    const records = (await Promise.all(ids.map(openRun))).filter((record) => record !== undefined);
    const [first] = records;
    const name = records.length === 1 && first ? fileName(first) : "fullrank-runs";
    // The mark in front tells spreadsheets that it is UTF-8.
    const text = `\ufeff${kind === "figures" ? figuresCsv(records) : curvesCsv(records)}`;
    save(new Blob([text], { type: "text/csv;charset=utf-8" }), `${name}-${kind}.csv`);
  });
}

export function saveReport(parts: Omit<ReportParts, "page">): Promise<void> {
  return written("report", async () => {
    const { reportOf } = await import("./runsreport.ts");
    const page = `${location.origin}${location.pathname}`;
    save(new Blob([reportOf({ ...parts, page })], { type: "text/html;charset=utf-8" }), `${fileName(parts.record)}.html`);
  });
}

/** What cannot be written is told where the runs are listed. */
async function written(what: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    useRuns.setState({ problem: `The ${what} could not be written (${why}). The runs are not touched: try again, or take the JSON.` });
  }
}

/** Reads runs from their JSON files. What cannot be read is told by its file's name; the others come in. */
export async function takeRuns(files: readonly File[]): Promise<void> {
  const { readRecord } = await import("./runsread.ts");
  const problems: string[] = [];
  for (const file of files) {
    try {
      if (file.size > MOST_BYTES) throw new Error("it is larger than any run");
      const read = readRecord(await file.text());
      // Another run may have its name in this browser; the same one replaces itself.
      const record = { ...read, pinned: false };
      await keepRun({ record, summary: await summaryOf(record) });
    } catch (error) {
      problems.push(`${file.name} was not taken: ${error instanceof Error ? error.message : String(error)}.`);
    }
  }
  if (problems.length > 0) useRuns.setState({ problem: problems.join(" ") });
}

/** The settings of a run become those of the next one; a sample set comes along, someone's own images do not. */
export function setUpLike({ address }: RunRecord): void {
  const { notices, ...found } = readAddress(address);
  const { dataset } = useImages.getState();
  const { sample } = useSetup.getState();
  useSetup.setState({ ...found, sample: found.sample ?? sample, notices });
  if (found.sample !== null && (dataset === null || found.sample !== sample)) void loadSample(found.sample);
}

/** Every kernel of the steps as a share of what the device can do. */
import { useState } from "react";
import { figure, type Report, speed } from "../../lab/report.ts";
import { percent, plural } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Figure } from "../parts/figure.tsx";
import { Bars } from "./bars.tsx";
import { Finding } from "./finding.tsx";
import { modelTitle } from "./names.ts";

const SHOWN = 24;

export function KernelRates({ report }: { readonly report: Report | null }) {
  return (
    <Finding
      title="Kernels"
      says="Every kernel at the sizes of these steps, first those on which most time is spent: the share of the ceiling that binds it, dark where that is arithmetic and pale where it is memory. More than 100 % was read from a cache. A kernel is called by its file and entry point; N and T say which factors of a matrix product are transposed."
    >
      {answer(report)}
    </Finding>
  );
}

function answer(report: Report | null) {
  if (!report || report.kernels.length === 0) return noClock(report);
  return <Rates report={report} />;
}

/** Why there are no times of single kernels, if that is known. */
export function noClock(report: Report | null) {
  if (!report || report.device.features.includes("timestamp-query")) return undefined;
  return <p className="hint">This browser offers no clock for single kernels (the WebGPU feature timestamp-query) on this GPU.</p>;
}

function Rates({ report }: { readonly report: Report }) {
  const models = [...new Set(report.kernels.map(({ model }) => model))];
  const [chosen, setChosen] = useState(0);
  const model = models[chosen] ?? models[0];
  const all = report.kernels.filter((kernel) => kernel.model === model);
  const products = all.filter(({ gflops }) => gflops > 0);
  const first = products[0];
  return (
    <>
      {models.length > 1 && <ChoiceField label="Model" choices={models.map(modelTitle)} value={chosen} onChange={setChosen} />}
      <Figure
        title={`${plural(Math.min(SHOWN, all.length), "kernel")} of ${all.length}`}
        finding={first ? `${first.kernel} ${first.shape} runs at ${speed(first)}, ${percent(first.share, 0)} of the ceiling.` : ""}
        table={() => ({
          head: ["Kernel", "Variant", "A launch", "GFLOP/s", "GB/s", "Of its ceiling"],
          rows: all.map(({ kernel, shape, variant, ms, gflops, gbps, share }) => [
            `${kernel} ${shape}`,
            variant || "–",
            `${figure(1000 * ms)} µs`,
            gflops > 0 ? figure(gflops) : "–",
            figure(gbps),
            percent(share, 0),
          ]),
        })}
      >
        <Bars
          bars={all.slice(0, SHOWN).map((kernel) => ({
            name: kernel.kernel,
            detail: [kernel.shape, kernel.variant].filter(Boolean).join(" · "),
            share: kernel.share,
            value: `${speed(kernel)} · ${percent(kernel.share, 0)}`,
            pale: kernel.gflops === 0,
          }))}
        />
      </Figure>
    </>
  );
}

/** Where the time of a step goes. */
import { useState } from "react";
import { explained, type Profile } from "../../lab/profile.ts";
import { figure, type Report } from "../../lab/report.ts";
import { titleOf } from "../look.ts";
import { count, percent } from "../numbers.ts";
import { ChoiceField } from "../parts/choice.tsx";
import { Figure } from "../parts/figure.tsx";
import { Bars } from "./bars.tsx";
import { Finding } from "./finding.tsx";
import { noClock } from "./kernels.tsx";
import { methodTitle, modelTitle } from "./names.ts";

const SHOWN = 20;

export function Profiles({ report }: { readonly report: Report | null }) {
  return (
    <Finding
      title="Where the time goes"
      says="All launches of one step, timed one by one by the GPU's own clock and put together by kernel and size. With the time that this GPU takes between two launches they should explain the step: what is missing is time in which the GPU waited."
    >
      {report && report.profiles.length > 0 ? <Chosen profiles={report.profiles} /> : noClock(report)}
    </Finding>
  );
}

function Chosen({ profiles }: { readonly profiles: readonly Profile[] }) {
  const [chosen, setChosen] = useState(0);
  const profile = profiles[chosen] ?? (profiles[0] as Profile);
  const { ms, between, stepMs, groups } = profile;
  const launches = groups.reduce((sum, group) => sum + group.launches, 0);
  return (
    <>
      <ChoiceField
        label="Step"
        choices={profiles.map(({ model, method }) => `${methodTitle(method, titleOf)}, ${modelTitle(model)}`)}
        value={chosen}
        onChange={setChosen}
      />
      <Figure
        title={`${count(launches)} launches`}
        finding={`${figure(ms)} ms in kernels and ${figure(between)} ms between them explain ${percent(explained(profile), 0)} of the step's ${figure(stepMs)} ms.`}
        table={() => ({
          head: ["Kernel", "Variant", "Launches", "Together", "Share", "GFLOP/s"],
          rows: groups.map((group) => [
            `${group.kernel} ${group.shape}`,
            group.variant || "–",
            count(group.launches),
            `${figure(group.ms)} ms`,
            percent(group.ms / ms),
            group.flops > 0 ? figure(group.flops / group.ms / 1e6) : "–",
          ]),
        })}
      >
        <Bars
          bars={groups.slice(0, SHOWN).map((group) => ({
            name: group.kernel,
            detail: [`${count(group.launches)}×`, group.shape].join(" · "),
            // The longest fills the row: all are read against it.
            share: group.ms / (groups[0]?.ms ?? 1),
            value: `${figure(group.ms)} ms · ${percent(group.ms / ms)}`,
            pale: group.flops === 0,
          }))}
        />
      </Figure>
    </>
  );
}

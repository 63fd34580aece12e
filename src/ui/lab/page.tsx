/** The lab: what this program does on the visitor's own GPU, measured there, and whether it is right. */
import { useEffect } from "react";
import { followAddress, useLab } from "../../store/lab.ts";
import { useSupport } from "../../store/support.ts";
import { Ceilings } from "./ceilings.tsx";
import { KernelRates } from "./kernels.tsx";
import { Profiles } from "./profiles.tsx";
import { Setup } from "./setup.tsx";
import { Steps } from "./steps.tsx";
import { Take } from "./take.tsx";
import { Verified } from "./verified.tsx";
import "./lab.css";

export default function Lab() {
  const support = useSupport();
  if (support.state !== "ready") return null;
  return <Bench gpu={support.gpu} software={support.software} />;
}

function Bench({ gpu, software }: { readonly gpu: string; readonly software: boolean }) {
  useEffect(() => followAddress(software), [software]);
  const { report, order, phase } = useLab();
  return (
    <main className="lab">
      <Setup gpu={gpu} software={software} />
      <div className="findings">
        {order.verify && <Verified report={report} />}
        <Ceilings report={report} />
        <Steps report={report} />
        {order.profile && <KernelRates report={report} />}
        {order.profile && <Profiles report={report} />}
        <Take report={report} ready={phase !== "running"} />
      </div>
    </main>
  );
}

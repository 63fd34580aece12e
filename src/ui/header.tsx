/** The name, the machine, and what can be taken away from here. */
import { useEffect, useState } from "react";
import { writeAddress } from "../store/address.ts";
import { useRace } from "../store/race.ts";
import { useSetup } from "../store/setup.ts";
import { useSupport } from "../store/support.ts";
import { ExportDialog } from "./export/dialog.tsx";
import { How } from "./help/how.tsx";
import { NewVersion, PageMenu } from "./machine/menu.tsx";
import "./header.css";
import { Icon } from "./parts/icon.tsx";
import { toggleTheme } from "./theme.ts";

export function Header({ isLab }: { readonly isLab: boolean }) {
  return (
    <header className="header">
      <h1>
        <svg viewBox="0 0 32 32" aria-hidden="true" className="logo">
          <path d="M5 8h9v17" stroke="var(--lora)" fill="none" strokeWidth="3.2" strokeLinejoin="round" />
          <path d="M5 8c8 0 14 1.5 22 6" stroke="var(--randlora)" fill="none" strokeWidth="3.2" strokeLinecap="round" />
        </svg>
        Fullrank
      </h1>
      <p className="tagline">LoRA against RandLoRA, on your images, in this tab</p>
      <Machine />
      <nav aria-label="Page">
        {isLab ? (
          <BackToRace />
        ) : (
          <a className="quiet" href="#lab">
            <Icon name="lab" /> <span className="label">Lab</span>
          </a>
        )}
        <NewVersion />
        <How />
        <Share />
        {!isLab && <ExportDialog />}
        <button type="button" className="quiet" aria-label="Light or dark" onClick={toggleTheme}>
          <Icon name="theme" />
        </button>
        <PageMenu isLab={isLab} />
      </nav>
    </header>
  );
}

/** With the settings that it was left with. */
function BackToRace() {
  const address = useSetup(writeAddress);
  return (
    <a className="quiet" href={`#${address}`}>
      <Icon name="chart" /> <span className="label">Race</span>
    </a>
  );
}

function Machine() {
  const support = useSupport();
  const gpu = useRace((race) => race.gpu);
  if (support.state !== "ready") return null;
  return (
    <p className="machine" title="Training runs here, through WebGPU">
      <i className="dot" /> {gpu || support.gpu} · WebGPU
    </p>
  );
}

/** Long enough to be read twice. */
const SAID_MS = 7000;

function Share() {
  const [said, setSaid] = useState<{ readonly text: string } | null>(null);
  const sample = useSetup((setup) => setup.sample);
  useEffect(() => {
    if (!said) return;
    const timer = setTimeout(() => setSaid(null), SAID_MS);
    return () => clearTimeout(timer);
  }, [said]);
  const holds = sample === null ? "methods and settings, not your images." : "methods, settings and the name of the sample set.";
  const share = () =>
    navigator.clipboard.writeText(location.href).then(
      () => setSaid({ text: `Link copied: ${holds}` }),
      () => setSaid({ text: `This browser did not let the link be copied. Copy the address of this page: ${holds}` }),
    );
  return (
    <>
      <button type="button" className="quiet" onClick={() => void share()}>
        <Icon name="share" /> <span className="label">Share</span>
      </button>
      <span role="status" className="shared">
        {said?.text}
      </span>
    </>
  );
}

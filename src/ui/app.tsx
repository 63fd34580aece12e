/** The page: three steps from left to right, the way of the data, and the lanes that race. Or the lab, where its address says so. */
import { Suspense } from "react";
import { takeDrop } from "../store/dropped.ts";
import { useIsLab } from "../store/place.ts";
import { useSetup } from "../store/setup.ts";
import { useSupport } from "../store/support.ts";
import { Arrival } from "./arrival.tsx";
import { Closer } from "./closer/panel.tsx";
import { CloserHint } from "./closer/way.tsx";
import { Header } from "./header.tsx";
import { NoGpu } from "./help/nogpu.tsx";
import { ImagesPanel } from "./images/panel.tsx";
import { AdoptDialog } from "./lanes/adopt.tsx";
import { LanesBar } from "./lanes/bar.tsx";
import { useDrop } from "./parts/drop.tsx";
import { Contained, later } from "./parts/later.tsx";
import { Notice } from "./parts/notice.tsx";
import { RacePanel } from "./race/panel.tsx";
import { ResultPanel } from "./result/panel.tsx";
import { Tour } from "./tour/tour.tsx";

/** Fetched when it is opened: who races needs none of it. */
const Lab = later(() => import("./lab/page.tsx"));

export function App() {
  const support = useSupport();
  const isLab = useIsLab();
  return (
    <>
      <Header isLab={isLab} />
      {support.state === "missing" ? (
        <NoGpu why={support.why} />
      ) : isLab ? (
        <Suspense>
          <Lab />
        </Suspense>
      ) : (
        <Steps />
      )}
    </>
  );
}

/** Whatever is dropped beside a place of its own: images, an adapter, or a model. */
function Steps() {
  const drop = useDrop((items) => void takeDrop(items));
  return (
    <main {...drop}>
      <div className="steps">
        <div className="notices">
          <LinkNotices />
          <Arrival />
          <Tour />
        </div>
        <Contained>
          <ImagesPanel />
        </Contained>
        <Contained>
          <RacePanel />
        </Contained>
        <Contained>
          <ResultPanel />
        </Contained>
        <Contained>
          <LanesBar />
        </Contained>
        <CloserHint />
      </div>
      <Contained>
        <Closer />
      </Contained>
      <AdoptDialog />
    </main>
  );
}

/** What a link held that could not be used. */
function LinkNotices() {
  const { notices, dismissNotices } = useSetup();
  if (notices.length === 0) return null;
  return (
    <Notice kind="info" onDismiss={dismissNotices}>
      {notices.map((notice) => (
        <p key={notice}>{notice}</p>
      ))}
    </Notice>
  );
}

/** The page: three steps from left to right, the way of the data, and the lanes that race. */
import { useSetup } from "../store/setup.ts";
import { useSupport } from "../store/support.ts";
import { Header } from "./header.tsx";
import { NoGpu } from "./help/nogpu.tsx";
import { ImagesPanel } from "./images/panel.tsx";
import { LanesBar } from "./lanes/bar.tsx";
import { Notice } from "./parts/notice.tsx";
import { RacePanel } from "./race/panel.tsx";
import { ResultPanel } from "./result/panel.tsx";

export function App() {
  const support = useSupport();
  return (
    <>
      <Header />
      {support.state === "missing" ? (
        <NoGpu why={support.why} />
      ) : (
        <main className="steps">
          <LinkNotices />
          <ImagesPanel />
          <RacePanel />
          <ResultPanel />
          <LanesBar />
        </main>
      )}
    </>
  );
}

/** What a link held that could not be used. */
function LinkNotices() {
  const { notices, dismissNotices } = useSetup();
  if (notices.length === 0) return null;
  return (
    <div className="link-notices">
      <Notice kind="info" onDismiss={dismissNotices}>
        {notices.map((notice) => (
          <p key={notice}>{notice}</p>
        ))}
      </Notice>
    </div>
  );
}

/** The camera, and what every lane makes of what it sees. */
import { useEffect, useMemo, useRef, useState } from "react";
import type { Preprocess } from "../../data/dataset.ts";
import { fitPicture } from "../../data/resize.ts";
import { closeCamera, openCamera } from "../../store/camera.ts";
import { FRAME_MS, NEWEST, smooth } from "../../store/insidelive.ts";
import { preprocessOf } from "../../store/models.ts";
import { ask, canAnswer } from "../../store/predictions.ts";
import { predict, useRace } from "../../store/race.ts";
import type { Prediction } from "../../train/run.ts";
import { looksOf } from "../look.ts";
import { percent } from "../numbers.ts";
import { Notice } from "../parts/notice.tsx";
import { Odds } from "../result/odds.tsx";
import { keyOf } from "./shell.tsx";
import "./inside.css";

/** The model sees fewer pixels still, and they are resized on this page. */
const SMALL = { width: { ideal: 320 }, height: { ideal: 240 } };

export default function LiveView() {
  const config = useRace((race) => race.config);
  const phase = useRace((race) => race.phase);
  if (!config || !canAnswer(phase)) return <p className="hint">Nobody to ask yet: train, and every lane answers what the camera sees.</p>;
  return <Camera key={keyOf(config)} model={config.model} />;
}

function Camera({ model }: { readonly model: string }) {
  const config = useRace((race) => race.config);
  const classes = useRace((race) => race.dataset?.classes) ?? [];
  const looks = useMemo(() => looksOf(config?.lanes ?? []), [config]);
  const [stream, setStream] = useState<MediaStream | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [seen, setSeen] = useState<Seen | null>(null);
  const video = useRef<HTMLVideoElement>(null);

  const isHere = useRef(true);
  useEffect(() => {
    isHere.current = true;
    return () => {
      isHere.current = false;
    };
  }, []);
  const start = () => {
    setProblem(null);
    // Who has left the view before the camera was allowed does not want it on.
    const take = (opened: MediaStream) => (isHere.current ? setStream(opened) : closeCamera(opened));
    openCamera(SMALL).then(take, (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)));
  };
  useEffect(() => {
    const player = video.current;
    if (!stream || !player) return;
    const end = new AbortController();
    const stop = (why: string | null) => {
      setStream(null);
      setProblem(why);
    };
    player.srcObject = stream;
    const hidden = () => document.hidden && stop("The camera was switched off while this page was hidden.");
    document.addEventListener("visibilitychange", hidden);
    for (const track of stream.getTracks()) track.addEventListener("ended", () => stop("The camera has stopped."));
    watch(player, model, setSeen, end.signal).then(
      () => end.signal.aborted || stop("The run that was asked is gone."),
      (error: unknown) => end.signal.aborted || stop(error instanceof Error ? error.message : String(error)),
    );
    return () => {
      end.abort();
      document.removeEventListener("visibilitychange", hidden);
      closeCamera(stream);
      setSeen(null);
    };
  }, [stream, model]);

  return (
    <div className="inside">
      <div className="row">
        <button type="button" onClick={() => (stream ? setStream(null) : start())}>
          {stream ? "Stop the camera" : "Start the camera"}
        </button>
        {stream && seen && (
          <button type="button" onClick={() => ask({ name: "camera", pixels: seen.pixels, size: seen.size, truth: null })}>
            Keep this frame
          </button>
        )}
        <p className="hint">
          Nothing leaves this page. A few frames a second are asked about; the newest counts {percent(NEWEST, 0)} in the bars, so that they
          do not flicker.
        </p>
      </div>
      {problem && (
        <Notice kind="error" onDismiss={() => setProblem(null)}>
          <p>{problem}</p>
        </Notice>
      )}
      {stream && (
        <div className="live">
          <video ref={video} autoPlay playsInline muted aria-label="What the camera sees" />
          <section aria-label="Answers to the camera">
            {seen ? (
              <Odds prediction={seen.prediction} looks={looks} classes={classes} truth={null} />
            ) : (
              <p role="status">Asking every lane …</p>
            )}
          </section>
        </div>
      )}
    </div>
  );
}

interface Seen {
  readonly prediction: Prediction;
  /** The newest frame as the model sees it, (size, size, 3). */
  readonly pixels: Uint8Array;
  readonly size: number;
}

/** Asks about frame after frame until the signal, or until there is no run to ask. */
async function watch(video: HTMLVideoElement, model: string, onSeen: (seen: Seen) => void, signal: AbortSignal): Promise<void> {
  const preprocess = await preprocessOf(model);
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (!pen) throw new Error("This browser gives no canvas to read frames from.");
  let shown: Prediction | null = null;
  while (!signal.aborted) {
    const next = new Promise((resolve) => setTimeout(resolve, FRAME_MS));
    if (video.videoWidth > 0) {
      const pixels = frameOf(video, pen, preprocess);
      const prediction = await predict(pixels);
      if (signal.aborted || !prediction) return;
      shown = smooth(shown, prediction);
      onSeen({ prediction: shown, pixels, size: preprocess.crop });
    }
    await next;
  }
}

function frameOf(video: HTMLVideoElement, pen: CanvasRenderingContext2D, preprocess: Preprocess): Uint8Array {
  const { videoWidth: width, videoHeight: height } = video;
  Object.assign(pen.canvas, { width, height });
  pen.drawImage(video, 0, 0);
  const { data } = pen.getImageData(0, 0, width, height);
  const rows = (top: number, count: number) => data.subarray(4 * width * top, 4 * width * (top + count));
  return fitPicture({ width, height, channels: 4, rows }, preprocess);
}

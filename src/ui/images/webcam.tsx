/** The camera for one class: a picture as it is held, a burst while the button is, and all of them go into the class. */
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { film } from "../../store/bench.ts";
import { closeCamera, openCamera } from "../../store/camera.ts";
import { importFiles, useImages } from "../../store/images.ts";
import { plural } from "../numbers.ts";
import { Icon } from "../parts/icon.tsx";
import { Modal } from "../parts/modal.tsx";
import { Notice } from "../parts/notice.tsx";

const EVERY_MS = 125;

export default function Webcam({ className }: { readonly className: string }) {
  return (
    <Modal title={`Webcam: ${className}`} open onOpenChange={(open) => !open && film(null)}>
      <Camera className={className} />
    </Modal>
  );
}

function Camera({ className }: { readonly className: string }) {
  const video = useRef<HTMLVideoElement>(null);
  const [attempt, setAttempt] = useState(0);
  const [problem, setProblem] = useState<string | null>(null);
  const [ready, setReady] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new attempt asks again
  useEffect(() => {
    let stream: MediaStream | undefined;
    let closed = false;
    const release = () => stream && closeCamera(stream);
    const start = async () => {
      try {
        stream = await openCamera(true);
        if (closed || !video.current) return release();
        video.current.srcObject = stream;
        await video.current.play();
        setReady(true);
      } catch (error) {
        if (!closed) setProblem(error instanceof Error ? error.message : String(error));
      }
    };
    void start();
    return () => {
      closed = true;
      setReady(false);
      release();
    };
  }, [attempt]);
  const { taken, take, stop } = useBurst(video, className);
  const importing = useImages((images) => images.importing !== null);
  const held = {
    onPointerDown: take,
    onPointerUp: stop,
    onPointerCancel: stop,
    onPointerLeave: stop,
    onBlur: stop,
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) take();
    },
    onKeyUp: stop,
  };
  if (problem) {
    return (
      <Notice kind="error">
        <p>{problem}</p>
        <button
          type="button"
          onClick={() => {
            setProblem(null);
            setAttempt(attempt + 1);
          }}
        >
          Try again
        </button>
      </Notice>
    );
  }
  return (
    <div className="webcam">
      <video ref={video} muted playsInline aria-label="What the camera sees" />
      <div className="row">
        <button type="button" className="primary" disabled={!ready} {...held}>
          <Icon name="camera" /> Hold to take pictures
        </button>
        <p role="status">{!ready ? "Waiting for the camera …" : `${plural(taken, "picture")} taken${importing ? ", being read" : ""}`}</p>
      </div>
      <p className="hint">Eight a second, into this class. The picture stays in this tab; the camera is released when this is closed.</p>
    </div>
  );
}

/** Pictures of a video while `take` was called and `stop` was not yet. */
function useBurst(video: { readonly current: HTMLVideoElement | null }, className: string) {
  const [taken, setTaken] = useState(0);
  const burst = useRef<{ timer: ReturnType<typeof setInterval>; files: Promise<File>[] } | null>(null);
  // An import that begins ends the one before, so bursts wait for each other.
  const queue = useRef(Promise.resolve());
  const shoot = (files: Promise<File>[]) => {
    const source = video.current;
    if (!source?.videoWidth) return;
    const canvas = new OffscreenCanvas(source.videoWidth, source.videoHeight);
    canvas.getContext("2d")?.drawImage(source, 0, 0);
    const name = `webcam-${Date.now()}-${files.length + 1}.jpg`;
    files.push(canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 }).then((blob) => new File([blob], name, { type: blob.type })));
    setTaken((before) => before + 1);
  };
  const stop = () => {
    if (!burst.current) return;
    const { timer, files } = burst.current;
    burst.current = null;
    clearInterval(timer);
    queue.current = queue.current.then(async () => importFiles(await Promise.all(files), className));
  };
  const take = () => {
    if (burst.current) return;
    const files: Promise<File>[] = [];
    shoot(files);
    burst.current = { files, timer: setInterval(() => shoot(files), EVERY_MS) };
  };
  const last = useRef(stop);
  last.current = stop;
  // Closed while it was held: what was taken still goes in.
  useEffect(() => () => last.current(), []);
  return { taken, take, stop };
}

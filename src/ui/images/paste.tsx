/** Images from the clipboard: taken wherever no text is being written, into a class that is chosen or asked for. */
import { Suspense, useEffect } from "react";
import { paste, placePasted, useBench } from "../../store/bench.ts";
import { useImages } from "../../store/images.ts";
import { plural } from "../numbers.ts";
import { later } from "../parts/later.tsx";
import { Modal } from "../parts/modal.tsx";

const ClassList = later(async () => ({ default: (await import("./picker.tsx")).ClassList }));

export function Pasted() {
  useEffect(() => {
    const onPaste = (event: ClipboardEvent) => {
      const files = [...(event.clipboardData?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
      if (files.length === 0) return;
      event.preventDefault();
      paste(files);
    };
    window.addEventListener("paste", onPaste);
    return () => window.removeEventListener("paste", onPaste);
  }, []);
  const pasted = useBench((bench) => bench.pasted);
  const classes = useImages(({ dataset }) => dataset?.classes);
  if (pasted.length === 0) return null;
  return (
    <Modal title={`Into which class? ${plural(pasted.length, "pasted image")}`} open onOpenChange={() => placePasted(undefined)}>
      <Suspense>
        <ClassList classes={classes ?? []} onPick={placePasted} />
      </Suspense>
    </Modal>
  );
}

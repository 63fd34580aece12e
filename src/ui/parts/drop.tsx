/** Places to drop files on. Whatever can be dropped can also be chosen with a button beside it. */
import { type DragEvent, type ReactNode, useRef, useState } from "react";

/** Handlers for the element that takes the drop; `data-over` marks it while files are held over it. */
export function useDrop(onDrop: (items: DataTransferItemList) => void) {
  // Children fire their own enter and leave, so they are counted.
  const [depth, setDepth] = useState(0);
  const isFiles = (event: DragEvent) => event.dataTransfer.types.includes("Files");
  return {
    "data-over": depth > 0 || undefined,
    onDragEnter: (event: DragEvent) => isFiles(event) && setDepth((before) => before + 1),
    onDragLeave: (event: DragEvent) => isFiles(event) && setDepth((before) => Math.max(0, before - 1)),
    onDragOver: (event: DragEvent) => isFiles(event) && event.preventDefault(),
    onDrop: (event: DragEvent) => {
      setDepth(0);
      // Already taken by a place within this one.
      if (!isFiles(event) || event.isDefaultPrevented()) return;
      event.preventDefault();
      onDrop(event.dataTransfer.items);
    },
  };
}

interface ChooseProps {
  readonly onChoose: (files: readonly File[]) => void;
  readonly folder?: boolean;
  readonly accept?: string;
  readonly className?: string;
  readonly disabled?: boolean;
  readonly children: ReactNode;
}

/** A button that opens the browser's file dialog. */
export function Choose({ onChoose, folder = false, accept, className = "", disabled = false, children }: ChooseProps) {
  // Held, because a browser may collect an input that is nowhere before its dialog is closed.
  const held = useRef<HTMLInputElement>(null);
  const open = () => {
    const input = document.createElement("input");
    held.current = input;
    input.type = "file";
    input.multiple = true;
    input.webkitdirectory = folder;
    if (accept) input.accept = accept;
    input.addEventListener("change", () => onChoose([...(input.files ?? [])]));
    input.click();
  };
  return (
    <button type="button" className={className} disabled={disabled} onClick={open}>
      {children}
    </button>
  );
}

/** A place to drop files on. Whatever can be dropped can also be chosen with a button beside it. */
import { type DragEvent, type ReactNode, useState } from "react";

interface Props {
  readonly className?: string;
  readonly onDrop: (items: DataTransferItemList) => void;
  readonly children: ReactNode;
}

export function Drop({ className = "", onDrop, children }: Props) {
  // Children fire their own enter and leave, so they are counted.
  const [depth, setDepth] = useState(0);
  const isFiles = (event: DragEvent) => event.dataTransfer.types.includes("Files");
  return (
    <div
      className={`drop ${depth > 0 ? "over" : ""} ${className}`}
      onDragEnter={(event) => isFiles(event) && setDepth(depth + 1)}
      onDragLeave={(event) => isFiles(event) && setDepth(Math.max(0, depth - 1))}
      onDragOver={(event) => isFiles(event) && event.preventDefault()}
      onDrop={(event) => {
        setDepth(0);
        if (!isFiles(event)) return;
        event.preventDefault();
        event.stopPropagation();
        onDrop(event.dataTransfer.items);
      }}
    >
      {children}
    </div>
  );
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
  const open = () => {
    const input = document.createElement("input");
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

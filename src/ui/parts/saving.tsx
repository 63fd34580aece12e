/** A chart to take away: as PNG for slides, as SVG for print. */
import { Popover } from "radix-ui";
import { type RefObject, useState } from "react";
import { slug } from "../../store/names.ts";
import { save } from "../../store/save.ts";
import { Icon } from "./icon.tsx";

interface Props {
  readonly figure: RefObject<HTMLElement | null>;
}

export function SaveChart({ figure }: Props) {
  const [problem, setProblem] = useState<string | null>(null);
  const take = async (form: "png" | "svg") => {
    setProblem(null);
    const { pictureIn, pngOf, svgOf } = await import("./picture.ts");
    const picture = figure.current && pictureIn(figure.current);
    const name = `fullrank-${slug(figure.current?.querySelector("h3")?.textContent ?? "", "chart")}.${form}`;
    if (!picture) return setProblem("There is nothing drawn here yet.");
    if (form === "svg" && picture instanceof HTMLCanvasElement) return setProblem("This chart is a bitmap: take the PNG.");
    const blob =
      picture instanceof SVGSVGElement && form === "svg" ? new Blob([svgOf(picture)], { type: "image/svg+xml" }) : await pngOf(picture);
    save(blob, name);
  };
  const attempt = (form: "png" | "svg") => void take(form).catch((error: unknown) => setProblem(String(error)));
  return (
    <Popover.Root onOpenChange={() => setProblem(null)}>
      <Popover.Trigger className="quiet" aria-label="Save the chart">
        <Icon name="download" />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content className="popover saving" sideOffset={4} collisionPadding={12} aria-label="Save the chart">
          <button type="button" onClick={() => attempt("png")}>
            PNG
          </button>
          <button type="button" onClick={() => attempt("svg")}>
            SVG
          </button>
          {problem && <p role="alert">{problem}</p>}
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

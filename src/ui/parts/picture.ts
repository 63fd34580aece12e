/** A chart as a file of its own: what the page's styles gave it written into it, so that it looks the same anywhere. */

const STYLES = [
  ...["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "stroke-linejoin", "opacity", "visibility"],
  ...["font-size", "font-weight", "font-variant-numeric", "text-anchor", "dominant-baseline", "paint-order", "display"],
];
const FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif';
/** Pixels of a PNG for each of the page. */
const SCALE = 2;

/** The picture of a figure: its largest drawing. */
export function pictureIn(figure: Element): SVGSVGElement | HTMLCanvasElement | undefined {
  const area = (element: Element): number => {
    const { width, height } = element.getBoundingClientRect();
    return width * height;
  };
  const found = [...figure.querySelectorAll<SVGSVGElement | HTMLCanvasElement>("svg:not(.icon, .swatch), canvas")];
  return found.filter((element) => area(element) > 0).sort((a, b) => area(b) - area(a))[0];
}

/** The text of an SVG file, with styles inlined, system fonts and the page's ground behind it. */
export function svgOf(svg: SVGSVGElement): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const [live, still] = [
    [svg, ...svg.querySelectorAll("*")],
    [copy, ...copy.querySelectorAll("*")],
  ];
  still.forEach((element, index) => {
    const computed = getComputedStyle(live[index] as Element);
    for (const name of STYLES) {
      const value = computed.getPropertyValue(name);
      if (value) element.setAttribute(name, value);
    }
    for (const name of ["class", "style", "tabindex", "role"]) element.removeAttribute(name);
  });
  const { width, height } = svg.getBoundingClientRect();
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", String(Math.round(width)));
  copy.setAttribute("height", String(Math.round(height)));
  if (!copy.hasAttribute("viewBox")) copy.setAttribute("viewBox", `0 0 ${width} ${height}`);
  copy.setAttribute("font-family", FONTS);
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  const [x = 0, y = 0, across = width, down = height] = (copy.getAttribute("viewBox") ?? "").split(/[\s,]+/).map(Number);
  for (const [name, value] of Object.entries({ x, y, width: across, height: down, fill: groundBehind(svg) }))
    ground.setAttribute(name, String(value));
  copy.prepend(ground);
  return new XMLSerializer().serializeToString(copy);
}

/** The first ground that is not see-through. */
function groundBehind(element: Element | null): string {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at).backgroundColor;
    if (color && color !== "transparent" && !/[,/]\s*0\)$/.test(color)) return color;
  }
  return "white";
}

export async function pngOf(picture: SVGSVGElement | HTMLCanvasElement): Promise<Blob> {
  const { width, height } = picture.getBoundingClientRect();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(width * SCALE);
  canvas.height = Math.round(height * SCALE);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws no canvas.");
  if (picture instanceof HTMLCanvasElement) {
    context.fillStyle = groundBehind(picture);
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  } else {
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svgOf(picture))}`;
    await image.decode();
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
  }
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The picture is too large."))), "image/png"),
  );
}

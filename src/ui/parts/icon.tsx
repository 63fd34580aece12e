/** Small line icons, drawn here so that nothing is fetched. They are never the only name of a control. */
const PATHS = {
  play: "M5 3.5v9l7.5-4.5z",
  pause: "M5 3.5v9M11 3.5v9",
  step: "M4 3.5v9l6-4.5zM12.5 3.5v9",
  stop: "M4 4h8v8H4z",
  reset: "M3.5 8a4.5 4.5 0 1 0 1.4-3.3M3.5 2.8v2.6h2.6",
  share: "M9.5 6.5 13 3M10 3h3v3M12 9v3.5H3.5V4H7",
  download: "M8 3v7M5 7.5 8 10.5l3-3M3.5 13h9",
  theme: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  link: "M6.5 9.5l3-3M7.2 4.8l1.6-1.6a2.8 2.8 0 0 1 4 4l-1.6 1.6M8.8 11.2l-1.6 1.6a2.8 2.8 0 0 1-4-4l1.6-1.6",
  plus: "M8 3.5v9M3.5 8h9",
  close: "M4 4l8 8M12 4l-8 8",
  help: "M6 6a2 2 0 1 1 2.9 1.8c-.6.3-.9.7-.9 1.4v.3M8 12v.2",
  folder: "M2.5 12.5v-9h4l1.5 2h5.5v7z",
  images: "M2.5 3.5h11v9h-11zM2.5 10.5l3-3 3 3 2-2 3 3M10.5 6.2v.2",
  table: "M2.5 3.5h11v9h-11zM2.5 6.5h11M2.5 9.5h11M7 3.5v9",
  chart: "M2.5 2.5v11h11M4.5 10l3-3.5 2 2 3.5-4.5",
  more: "M2.5 5h6M11.5 5h2M2.5 11h2M7.5 11h6M10 3.5v3M6 9.5v3",
  import: "M8 10V3M5 5.5 8 2.5l3 3M3.5 13h9",
  model: "M8 2.5 13.5 5.2 8 8 2.5 5.2zM2.5 8 8 10.8 13.5 8M2.5 10.8 8 13.5l5.5-2.7",
  lab: "M6.5 2.5v4L3 12.4a.8.8 0 0 0 .7 1.1h8.6a.8.8 0 0 0 .7-1.1L9.5 6.5v-4M5.3 2.5h5.4M4.9 9.5h6.2",
  copy: "M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z",
  menu: "M2.5 4.5h11M2.5 8h11M2.5 11.5h11",
  lock: "M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5",
  disk: "M2.5 4c0-2 11-2 11 0s-11 2-11 0v8c0 2 11 2 11 0V4M2.5 8c0 2 11 2 11 0",
  camera: "M2.5 5h2.7l1.1-1.8h3.4L10.8 5h2.7v7.5h-11zM8 6.4a2.2 2.2 0 1 0 0 4.4 2.2 2.2 0 0 0 0-4.4",
  undo: "M5.5 3 2.5 6l3 3M3 6h6.5a3.5 3.5 0 0 1 0 7H6",
  redo: "M10.5 3l3 3-3 3M13 6H6.5a3.5 3.5 0 0 0 0 7H10",
  down: "M4.5 6.5 8 10l3.5-3.5",
} as const;

export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  const solid = name === "play" || name === "stop";
  return (
    <svg className="icon" viewBox="0 0 16 16" aria-hidden="true" fill={solid ? "currentColor" : "none"} stroke="currentColor">
      <path d={PATHS[name]} strokeWidth="1.5" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { fitImages, followModel } from "./store/choice.ts";
import { followImages } from "./store/edits.ts";
import { keepImages } from "./store/keeping.ts";
import { guardLeaving } from "./store/leaving.ts";
import { keepOffline } from "./store/offline.ts";
import { confinePage } from "./store/outside.ts";
import { followRace } from "./store/predictions.ts";
import { followRuns } from "./store/runspinned.ts";
import { mirrorAddress } from "./store/setup.ts";
import { followStudies } from "./store/studies.ts";
import { checkSupport } from "./store/support.ts";
import { App } from "./ui/app.tsx";
import { applyTheme } from "./ui/theme.ts";
import "./ui/page.css";
import "./ui/parts.css";
import "./ui/panels.css";
import "./ui/charts.css";
import "./ui/dialogs.css";
import "./ui/machine/machine.css";
import "./ui/tour/tour.css";

confinePage();
applyTheme();
// A file dropped beside its target would otherwise replace the page.
for (const type of ["dragover", "drop"]) window.addEventListener(type, (event) => event.preventDefault());

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root.");

mirrorAddress(window);
followRace();
followStudies();
followRuns();
void checkSupport();
followModel();
followImages();
guardLeaving();
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);

keepOffline();
void keepImages()
  .then(() => fitImages())
  // What stands in the way of a model is told where it is chosen.
  .catch(() => undefined);

/** What a run and its images can be asked, view by view; each is fetched when it is opened. */
import type { ComponentType } from "react";

export interface View {
  /** As it stands in the page: unique, lower case. */
  readonly id: string;
  readonly title: string;
  readonly load: () => Promise<{ readonly default: ComponentType }>;
}

export const VIEWS: readonly View[] = [
  { id: "confusions", title: "Confusions", load: () => import("../inside/confusion.tsx") },
  { id: "classes", title: "Per class", load: () => import("../inside/classes.tsx") },
  { id: "mistakes", title: "Mistakes", load: () => import("../inside/mistakes.tsx") },
  { id: "disagreements", title: "Disagreements", load: () => import("../inside/disagreements.tsx") },
  { id: "embeddings", title: "Embeddings", load: () => import("../inside/embeddings.tsx") },
  { id: "attention", title: "Attention", load: () => import("../inside/attention.tsx") },
  { id: "live", title: "Live", load: () => import("../inside/live.tsx") },
  { id: "ranks", title: "Ranks", load: () => import("../paper/ranks.tsx") },
  { id: "overlap", title: "Shared directions", load: () => import("../paper/overlap.tsx") },
  { id: "likeness", title: "Likeness (CKA)", load: () => import("../paper/likeness.tsx") },
  { id: "plane", title: "Loss surface", load: () => import("../paper/plane.tsx") },
  { id: "runs", title: "Runs", load: () => import("../runs/view.tsx") },
  { id: "sweep", title: "Sweep", load: () => import("../runs/sweep.tsx") },
];

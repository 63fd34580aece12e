/** What a run and its images can be asked, view by view; each is fetched when it is opened and has something to show. */
import type { ComponentType } from "react";

export interface View {
  /** As it stands in the page: unique, lower case. */
  readonly id: string;
  readonly title: string;
  /** It is about the answers: before the first there is nothing to show. */
  readonly ofAnswers?: true;
  readonly load: () => Promise<{ readonly default: ComponentType }>;
}

export const VIEWS: readonly View[] = [
  { id: "confusions", title: "Confusions", ofAnswers: true, load: () => import("../inside/confusion.tsx") },
  { id: "classes", title: "Per class", ofAnswers: true, load: () => import("../inside/classes.tsx") },
  { id: "mistakes", title: "Mistakes", ofAnswers: true, load: () => import("../inside/mistakes.tsx") },
  { id: "disagreements", title: "Disagreements", ofAnswers: true, load: () => import("../inside/disagreements.tsx") },
  { id: "embeddings", title: "Embeddings", ofAnswers: true, load: () => import("../inside/embeddings.tsx") },
  { id: "attention", title: "Attention", ofAnswers: true, load: () => import("../inside/attention.tsx") },
  { id: "live", title: "Live", load: () => import("../inside/live.tsx") },
  { id: "ranks", title: "Ranks", load: () => import("../paper/ranks.tsx") },
  { id: "overlap", title: "Shared directions", load: () => import("../paper/overlap.tsx") },
  { id: "likeness", title: "Likeness (CKA)", load: () => import("../paper/likeness.tsx") },
  { id: "plane", title: "Loss surface", load: () => import("../paper/plane.tsx") },
  { id: "runs", title: "Runs", load: () => import("../runs/view.tsx") },
  { id: "sweep", title: "Sweep", load: () => import("../runs/sweep.tsx") },
];

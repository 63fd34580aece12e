/** Full fine-tuning is what the other methods imitate: charts draw it thin, and measures compare with it. */
import type { LaneConfig } from "../../train/run.ts";

export const isTruth = (lane: Pick<LaneConfig, "method"> | undefined): boolean => lane?.method === "full";

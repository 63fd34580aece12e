/** Rows of one height, of which only those in sight are drawn. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import { useRem } from "../parts/rem.ts";

/** @param tall height of a row in rem */
export function useRows(count: number, tall: number, overscan: number) {
  const scroller = useRef<HTMLDivElement>(null);
  const height = tall * useRem();
  const virtual = useVirtualizer({ count, getScrollElement: () => scroller.current, estimateSize: () => height, overscan });
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was measured holds for one height
  useEffect(() => virtual.measure(), [virtual, height]);
  return { scroller, virtual, height };
}

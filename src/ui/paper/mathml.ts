/** Formulas as MathML, put together from a few forms. A word stands for itself: a number, a sign between things, or else a name. */
import { createElement, type ReactNode } from "react";

type Part = ReactNode;

const leaf = (part: Part): Part => {
  if (typeof part !== "string") return part;
  return createElement(/^\d+$/.test(part) ? "mn" : /^[^\p{L}]+$/u.test(part) ? "mo" : "mi", null, part);
};
const made = (kind: string, parts: readonly Part[]): Part => createElement(kind, null, ...parts.map(leaf));

/** One after the other; blanks part the words of a text. */
export const row = (...parts: readonly Part[]): Part =>
  made(
    "mrow",
    parts.flatMap((part) => (typeof part === "string" ? part.split(" ") : [part])),
  );
export const over = (above: Part, below: Part): Part => made("mfrac", [above, below]);
export const foot = (of: Part, at: Part): Part => made("msub", [of, at]);
export const high = (of: Part, at: Part): Part => made("msup", [of, at]);
export const both = (of: Part, low: Part, top: Part): Part => made("msubsup", [of, low, top]);
export const root = (...parts: readonly Part[]): Part => made("msqrt", parts);
export const sum = (over: Part): Part => made("munder", ["∑", over]);
/** Frobenius. */
export const norm = (...parts: readonly Part[]): Part => foot(row("‖", ...parts, "‖"), "F");
export const squared = (...parts: readonly Part[]): Part => both(row("‖", ...parts, "‖"), "F", "2");

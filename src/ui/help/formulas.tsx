/** The update of every method as its paper writes it, beside the names that the code has for its parts. Browsers draw MathML themselves. */
import { createElement, type ReactNode } from "react";
import { findMethod, groupMethods } from "../../store/methods.ts";
import { lookOf } from "../look.ts";

const node = (tag: string, ...children: readonly ReactNode[]): ReactNode => createElement(tag, null, ...children);
const row = (...children: readonly ReactNode[]) => node("mrow", ...children);
/** A letter or a word. */
const name = (text: string) => node("mi", text);
const sign = (text: string) => node("mo", text);
const number = (text: string) => node("mn", text);
const over = (above: ReactNode, below: ReactNode) => node("mfrac", above, below);
const sub = (letter: string, index: string) => node("msub", name(letter), name(index));
const sum = (index: string, what: ReactNode) => row(node("munder", sign("∑"), name(index)), what);
const within = (what: ReactNode) => row(sign("("), what, sign(")"));

const delta = row(name("Δ"), name("W"));
const changed = (letter: string) => node("msup", name(letter), sign("′"));
const is = sign("=");
const times = sign("·");
const gain = over(name("α"), name("r"));
const lora = row(gain, times, name("B"), name("A"));
const randlora = (end: string) =>
  row(
    gain,
    times,
    row(node("munderover", sign("∑"), row(name("j"), is, number("1")), name(end)), sub("B", "j"), sub("Λ", "j"), name("A"), sub("Γ", "j")),
  );

interface Formula {
  readonly math: ReactNode;
  /** What is learned, what is frozen, and what the code calls them. */
  readonly says: string;
  /** Address of the paper and the place in it; absent where there is none. */
  readonly at?: readonly [address: string, place: string];
}

const paper = (id: string, place: string) => [`https://arxiv.org/abs/${id}`, place] as const;

/** By the id of the method. */
export const FORMULAS: Readonly<Record<string, Formula>> = {
  lora: {
    math: row(delta, is, lora),
    says: "Learned: A (r × in), code a; B (out × r), code b, which begins at zero. r is rank, α is alpha.",
    at: paper("2106.09685", "§4.1"),
  },
  rslora: {
    math: row(delta, is, over(name("α"), node("msqrt", name("r"))), times, name("B"), name("A")),
    says: "Learned and frozen as in LoRA.",
    at: paper("2312.03732", "the rank-stabilised factor"),
  },
  dora: {
    math: row(
      changed("W"),
      is,
      name("m"),
      times,
      over(row(name("W"), sign("+"), delta), row(sign("‖"), name("W"), sign("+"), delta, sign("‖"))),
      sign(","),
      delta,
      is,
      lora,
    ),
    says: "Learned beside A and B: the size m of every row, code magnitude, which begins as the norms of W. The norm is a constant in the gradient.",
    at: paper("2402.09353", "§4.1 and §4.3"),
  },
  vera: {
    math: row(delta, is, sub("Λ", "b"), name("B"), sub("Λ", "d"), name("A")),
    says: "A and B are random, frozen, and shared by all layers. Learned: the diagonals Λb, code b, and Λd, code d.",
    at: paper("2310.11454", "§3.1"),
  },
  nola: {
    math: row(
      delta,
      is,
      gain,
      times,
      within(sum("i", row(sub("β", "i"), sub("B", "i")))),
      within(row(sub("A", "0"), sign("+"), sum("i", row(sub("α", "i"), sub("A", "i"))))),
    ),
    says: "All matrices are random and drawn anew from the seed. Learned: their weights αi, code a, and βi, code b.",
    at: paper("2310.02556", "§3"),
  },
  nolavit: {
    math: row(
      node("msup", delta, name("T")),
      is,
      over(number("1"), name("r")),
      times,
      within(sum("i", row(sub("α", "i"), sub("A", "i")))),
      within(sum("i", row(sub("β", "i"), sub("B", "i")))),
    ),
    says: "All weights begin at 1/k, and there is no frozen start.",
    at: paper("2310.02556", "the authors' code for ViT"),
  },
  randlora: {
    math: row(delta, is, randlora("n"), sign(","), name("n"), is, sign("⌈"), over(name("d"), name("r")), sign("⌉")),
    says: "Bj and A are random and frozen, d is the layer's smaller side. Learned: the diagonals Λj (r numbers each), code lambda, and Γj (d numbers each), code gamma. A lower r means more pieces n, and so more parameters; the update has full rank at any r.",
    at: paper("2502.00987", "§4; sparse bases §6.4"),
  },
  randloraa: {
    math: row(
      delta,
      is,
      gain,
      times,
      within(sum("i", row(sub("B", "i"), sub("Λ", "i")))),
      within(sum("i", row(sub("A", "i"), sub("Γ", "i")))),
    ),
    says: "The rank is r, with as many parameters as RandLoRA.",
    at: paper("2502.00987", "§6.3"),
  },
  randlorab: {
    math: row(delta, is, randlora("n/2")),
    says: "Learned and frozen as in RandLoRA.",
    at: paper("2502.00987", "§6.3"),
  },
  hybrid: {
    math: row(
      delta,
      is,
      lora,
      sign("+"),
      over(sub("α", "2"), sub("r", "2")),
      times,
      sum("j", row(sub("B", "j"), sub("Λ", "j"), changed("A"), sub("Γ", "j"))),
    ),
    says: "r2 is basisRank, α2 basisAlpha.",
    at: paper("2502.00987", "§6.6, as future work"),
  },
  full: {
    math: row(changed("W"), is, name("W"), sign("+"), delta),
    says: "ΔW is whatever has changed.",
  },
  bitfit: {
    math: row(name("y"), is, name("W"), name("x"), sign("+"), changed("b")),
    says: "Learned: every b.",
    at: paper("2106.10199", "§3"),
  },
  probe: {
    math: row(name("logits"), is, name("C"), name("f"), within(name("x")), sign("+"), name("c")),
    says: "f is the model. Learned: classifier.weight and classifier.bias.",
  },
};

export function Formulas() {
  return (
    <dl className="formulas">
      {groupMethods()
        .flatMap(({ methods }) => methods)
        .map(({ id, title, does }) => {
          const formula = FORMULAS[id];
          return formula ? (
            <div key={id}>
              <dt style={{ color: lookOf(id).color }}>{title}</dt>
              <dd>
                <div className="equation scroll">{createElement("math", { display: "block" }, formula.math)}</div>
                <p>
                  {does} {formula.says}
                </p>
                {formula.at && <Source method={id} at={formula.at} />}
              </dd>
            </div>
          ) : null;
        })}
    </dl>
  );
}

/** Opens beside this page, and only when it is clicked. */
function Source({ method, at: [address, place] }: { readonly method: string; readonly at: readonly [string, string] }) {
  return (
    <p className="hint">
      <a href={address} target="_blank" rel="noopener noreferrer">
        {findMethod(method)?.paper.replace(/^ours, after | §.*$/g, "")}
      </a>
      {place.startsWith("§") ? `, ${place}` : `: ${place}`}
    </p>
  );
}

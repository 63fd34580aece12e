/**
 * Regular expressions of Python's `re`, matched in time linear in the text and in the pattern (Thompson, CACM 11(6), 1968): a pattern
 * comes with a file, and JavaScript's own matcher can be made to take years by one. What cannot be matched so (back references, atomic
 * groups) or is not built (flags) is refused.
 */
import { UnsupportedError } from "./error.ts";
import { show } from "./json.ts";

type Test = (code: number) => boolean;
/** Whether something holds between two characters: before the one at `place`. */
type Where = (text: readonly number[], place: number) => boolean;
type Node =
  | { readonly is: "char"; readonly test: Test }
  | { readonly is: "all"; readonly of: readonly Node[] }
  | { readonly is: "any"; readonly of: readonly Node[] }
  | { readonly is: "repeat"; readonly of: Node; readonly min: number; readonly max: number }
  | { readonly is: "at"; readonly where: Where }
  | { readonly is: "look"; readonly of: Node; readonly behind: boolean; readonly negative: boolean };

/** Groups in one another; and states of the compiled pattern, which `{m,n}` multiplies. */
const DEPTH = 50;
const STATES = 4000;

const isWord: Test = (code) => /[\p{L}\p{N}_]/u.test(String.fromCodePoint(code));
const CLASSES: Readonly<Record<string, Test>> = {
  d: (code) => /\p{Nd}/u.test(String.fromCodePoint(code)),
  s: (code) => /\s/.test(String.fromCodePoint(code)),
  w: isWord,
};
const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const not =
  (test: Test): Test =>
  (code) =>
    !test(code);
const only =
  (wanted: number): Test =>
  (code) =>
    code === wanted;

const isStart: Where = (_, place) => place === 0;
const isEnd: Where = (text, place) => place === text.length;
const isEdge: Where = (text, place) =>
  (place > 0 && isWord(text[place - 1] as number)) !== (place < text.length && isWord(text[place] as number));
const AT: Readonly<Record<string, Where>> = {
  "^": isStart,
  "\\A": isStart,
  "\\Z": isEnd,
  $: (text, place) => isEnd(text, place) || (place === text.length - 1 && text[place] === 10),
  "\\b": isEdge,
  "\\B": (text, place) => !isEdge(text, place),
};

/** A pattern as a tree. Throws UnsupportedError for syntax that Python refuses, or that is not built here. */
class Parser {
  readonly #pattern: string;
  #rest: string;
  readonly #names = new Set<string>();

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#rest = pattern;
  }

  parse(): Node {
    const tree = this.#choice(0);
    return this.#rest ? this.#refuse("it closes a group that was not opened") : tree;
  }

  #refuse(why: string): never {
    throw new UnsupportedError(`the pattern ${show(this.#pattern)}`, `${why}.`);
  }

  /** Takes what `syntax`, which begins with ^, finds at the beginning of the rest. */
  #take(syntax: RegExp): RegExpExecArray | null {
    const found = syntax.exec(this.#rest);
    if (found) this.#rest = this.#rest.slice(found[0].length);
    return found;
  }

  #choice(depth: number): Node {
    if (depth > DEPTH) this.#refuse(`its groups are more than ${DEPTH} deep`);
    const of: Node[] = [];
    do of.push(this.#sequence(depth));
    while (this.#take(/^\|/));
    return { is: "any", of };
  }

  #sequence(depth: number): Node {
    const of: Node[] = [];
    while (this.#rest && !/^[|)]/.test(this.#rest)) {
      const atom = this.#atom(depth);
      const count = this.#take(/^(?:([*+?])|\{(?!\})(\d*)(,?)(\d*)\})(\??)/);
      if (!count) {
        of.push(atom);
        continue;
      }
      if (atom.is === "at" || /^(?:[*+?]|\{\d*,?\d*\})/.test(this.#rest)) this.#refuse("it repeats what cannot be repeated");
      const [, sign, low, comma, high] = count;
      const min = sign ? Number(sign === "+") : Number(low);
      const max = sign === "?" ? 1 : sign || (comma && !high) ? Infinity : comma ? Number(high) : min;
      if (min > max) this.#refuse("a repetition's least count is above its greatest");
      of.push({ is: "repeat", of: atom, min, max });
    }
    return { is: "all", of };
  }

  #atom(depth: number): Node {
    if (this.#take(/^\(/)) return this.#group(depth + 1);
    if (this.#take(/^\[/)) return this.#set();
    if (this.#take(/^\./)) return { is: "char", test: (code) => code !== 10 };
    const at = this.#take(/^(?:[$^]|\\[AZbB])/);
    if (at) return { is: "at", where: AT[at[0]] as Where };
    if (/^[*+?]/.test(this.#rest)) this.#refuse("there is nothing to repeat");
    const one = this.#one();
    return { is: "char", test: typeof one === "number" ? only(one) : one };
  }

  #group(depth: number): Node {
    const [, kind = "", name] = this.#take(/^\?(:|<?[=!]|P<([^>]*)>)/) ?? [];
    if (this.#rest.startsWith("?")) this.#refuse(`its group "(${this.#rest.slice(0, 3)}…" is of a kind not known here`);
    if (name !== undefined) {
      if (!/^[A-Za-z_]\w*$/.test(name) || this.#names.has(name)) this.#refuse(`"${name}" cannot name a group, or names two`);
      this.#names.add(name);
    }
    const of = this.#choice(depth);
    if (!this.#take(/^\)/)) this.#refuse("it leaves a group open");
    if (!/[=!]$/.test(kind)) return of;
    const behind = kind.includes("<");
    if (behind && width(of)[0] !== width(of)[1]) this.#refuse("it looks behind for texts of more than one length, which Python cannot");
    return { is: "look", of, behind, negative: kind.endsWith("!") };
  }

  #set(): Node {
    const negative = this.#take(/^\^/) !== null;
    const tests: Test[] = [];
    // A bracket that comes first stands for itself.
    for (let first = true; first || !this.#take(/^\]/); first = false) {
      const low = this.#one(true);
      if (typeof low === "number" && this.#take(/^-(?!\])/)) {
        const high = this.#one(true);
        if (typeof high !== "number" || high < low) this.#refuse("a range in brackets has no order");
        tests.push((code) => low <= code && code <= (high as number));
      } else tests.push(typeof low === "number" ? only(low) : low);
    }
    const any: Test = (code) => tests.some((test) => test(code));
    return { is: "char", test: negative ? not(any) : any };
  }

  /** One character, escaped or not, or a class such as \d. */
  #one(inSet = false): number | Test {
    const found = this.#take(/^(?:\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|(.))|([^\\]))/su);
    if (!found) this.#refuse(inSet ? "it leaves a bracket open" : "it ends with a backslash");
    const [, x, u, escaped, plain] = found as RegExpExecArray;
    if (plain) return plain.codePointAt(0) as number;
    if (x ?? u) return Number.parseInt((x ?? u) as string, 16);
    const letter = escaped as string;
    if (inSet && letter === "b") return 8;
    const control = Object.hasOwn(CONTROLS, letter) ? CONTROLS[letter] : undefined;
    if (control !== undefined) return control;
    const lower = letter.toLowerCase();
    const known = Object.hasOwn(CLASSES, lower) ? (CLASSES[lower] as Test) : undefined;
    if (known) return letter === lower ? known : not(known);
    return /[\dA-Za-z]/.test(letter) ? this.#refuse(`"\\${letter}" is not known here`) : (letter.codePointAt(0) as number);
  }
}

/** The least and the greatest number of characters that a tree matches. */
function width(node: Node): readonly [number, number] {
  if (node.is === "char") return [1, 1];
  if (node.is === "at" || node.is === "look") return [0, 0];
  if (node.is === "repeat") {
    const [least, most] = width(node.of);
    return [least * node.min, most && most * node.max];
  }
  const all = node.of.map(width);
  if (node.is === "all") return all.reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
  return [Math.min(...all.map(([least]) => least)), Math.max(...all.map(([, most]) => most))];
}

interface Look {
  readonly entry: number;
  readonly step: Step;
  readonly negative: boolean;
}
/** Takes a character that passes `test`, or none where `where` and `look` hold, and goes on to any of `next`. */
interface State {
  readonly test?: Test;
  readonly where?: Where;
  readonly look?: Look;
  readonly next: number[];
}
/** Whether a text is read forwards, or backwards by states in the opposite order. */
type Step = 1 | -1;
const ACCEPT = 0;

/** The pattern as a function that tells whether it matches a whole text, as `re.fullmatch`. Throws UnsupportedError, quoting the pattern. */
export function compile(pattern: string): (text: string) => boolean {
  const states: State[] = [{ next: [] }];
  const add = (state: State): number => {
    if (states.length === STATES) throw new UnsupportedError(`the pattern ${show(pattern)}`, `it unfolds to more than ${STATES} states.`);
    return states.push(state) - 1;
  };
  /** The state at which `node` begins when `next` follows it. */
  const unfold = (node: Node, next: number, step: Step): number => {
    if (node.is === "char") return add({ test: node.test, next: [next] });
    if (node.is === "at") return add({ where: node.where, next: [next] });
    if (node.is === "any") return add({ next: node.of.map((one) => unfold(one, next, step)) });
    if (node.is === "all") return node.of[step === 1 ? "reduceRight" : "reduce"]((after, one) => unfold(one, after, step), next);
    if (node.is === "look") {
      // What lies ahead is read from its end backwards: one pass over a text then answers for every place.
      const inner = node.behind ? 1 : -1;
      return add({ look: { entry: unfold(node.of, ACCEPT, inner), step: inner, negative: node.negative }, next: [next] });
    }
    let entry = next;
    if (node.max === Infinity) {
      const hub: State = { next: [next] };
      entry = add(hub);
      hub.next.push(unfold(node.of, entry, step));
    } else for (let i = node.min; i < node.max; i++) entry = add({ next: [unfold(node.of, entry, step), next] });
    for (let i = 0, before = 0; i < node.min && states.length > before; i++) {
      before = states.length;
      entry = unfold(node.of, entry, step);
    }
    return entry;
  };
  const begin = unfold(new Parser(pattern).parse(), ACCEPT, 1);
  /** When each state was last looked at. The states of what is looked at ahead or behind are its own, so it may happen amid others. */
  const seen = new Uint32Array(states.length);
  let now = 0;
  return (whole) => {
    const text = Array.from(whole, (char) => char.codePointAt(0) as number);
    const answers = new Map<Look, Uint8Array>();
    const holds = (look: Look, place: number): boolean => {
      const found = answers.get(look) ?? reach(look.entry, look.step, true);
      answers.set(look, found);
      return (found[place] === 1) !== look.negative;
    };
    /** 1 at each place where `entry` leads to acceptance, begun at the text's edge or (`anywhere`) at every place. */
    const reach = (entry: number, step: Step, anywhere: boolean): Uint8Array => {
      const hits = new Uint8Array(text.length + 1);
      let open: number[] = [];
      for (let i = 0; i <= text.length; i++) {
        const place = step === 1 ? i : text.length - i;
        const code = text[step === 1 ? place : place - 1];
        const after: number[] = [];
        const moment = ++now;
        if (i === 0 || anywhere) open.push(entry);
        for (let at = open.pop(); at !== undefined; at = open.pop()) {
          if (seen[at] === moment) continue;
          seen[at] = moment;
          const { test, where, look, next } = states[at] as State;
          if (at === ACCEPT) hits[place] = 1;
          else if (test) {
            if (code !== undefined && test(code)) after.push(next[0] as number);
          } else if ((!where || where(text, place)) && (!look || holds(look, place))) open.push(...next);
        }
        open = after;
      }
      return hits;
    };
    return reach(begin, 1, false)[text.length] === 1;
  };
}

/**
 * Python's pickles, as far as plain data and NumPy arrays go: nothing is ever called or imported, and what a pickle asks to be
 * made is looked up in a list of a few. Pure. Source: CPython's Lib/pickletools.py; NumPy's ndarray.__reduce__.
 */

import { FormatError, UnsupportedError } from "./error.ts";
import { fill, made, type Name, type PickleValue, type Span } from "./pickled.ts";

/** From this length on bytes are left in the file. */
const LONG = 4096;
/** Values a pickle may hold: CIFAR-100 has 200,000. */
const MOST = 20_000_000;
const MARK = Symbol("mark");

const latin = (bytes: Uint8Array): string => {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
};
const copy = (bytes: Uint8Array): Uint8Array => bytes.slice();
const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Codes that stand for a value. */
const CONSTANTS = new Map<string, PickleValue>([
  ["N", null],
  ["\x88", true],
  ["\x89", false],
]);
/** Codes that a number of so many bytes follows. */
const NUMBERS = new Map([
  ["K", 1],
  ["M", 2],
]);
/** Codes that a length of so many bytes follows, and then text or bytes. Python 2's str is bytes, which are nearly always text. */
const CONTENTS = new Map<string, { readonly width: number; readonly decode: (bytes: Uint8Array) => PickleValue }>([
  ["U", { width: 1, decode: latin }],
  ["T", { width: 4, decode: latin }],
  ["\x8c", { width: 1, decode: utf8 }],
  ["X", { width: 4, decode: utf8 }],
  ["\x8d", { width: 8, decode: utf8 }],
  ["C", { width: 1, decode: copy }],
  ["B", { width: 4, decode: copy }],
  ["\x8e", { width: 8, decode: copy }],
  ["\x96", { width: 8, decode: copy }],
]);

/**
 * Reads one pickle of protocol 0 to 5. Ask it for the next piece of file, and give it those bytes: it yields a Span and expects at
 * least that many bytes from there, unless the file ends.
 * @throws FormatError for bytes that are no pickle; UnsupportedError for anything but plain data and arrays
 */
export function* readPickle(size: number): Generator<Span, PickleValue, Uint8Array> {
  let piece: Uint8Array = new Uint8Array();
  let start = 0; // of the piece in the file
  let at = 0; // in the file
  const stack: (PickleValue | typeof MARK)[] = [];
  const memo = new Map<number, PickleValue>();
  let values = 0;

  function* take(length: number): Generator<Span, Uint8Array, Uint8Array> {
    if (length < 0 || at + length > size) throw new FormatError("truncated", "a pickle that is cut off");
    if (at < start || at + length > start + piece.length) {
      piece = yield { at, length };
      start = at;
      if (piece.length < length) throw new FormatError("truncated", "a pickle that is cut off");
    }
    const bytes = piece.subarray(at - start, at - start + length);
    at += length;
    return bytes;
  }
  function* uint(bytes: number): Generator<Span, number, Uint8Array> {
    return (yield* take(bytes)).reduceRight((value, byte) => value * 256 + byte, 0);
  }
  function* line(): Generator<Span, string, Uint8Array> {
    let text = "";
    for (;;) {
      const byte = (yield* take(1))[0] as number;
      if (byte === 10) return text;
      if (text.length > LONG) throw new FormatError("value", "a pickle with an endless line");
      text += String.fromCharCode(byte);
    }
  }
  function* bytes(length: number, decode: (bytes: Uint8Array) => PickleValue): Generator<Span, PickleValue, Uint8Array> {
    if (length < LONG) return decode(yield* take(length));
    if (at + length > size) throw new FormatError("truncated", "a pickle that is cut off");
    at += length;
    return { left: { at: at - length, length } };
  }
  const push = (value: PickleValue | typeof MARK) => {
    if (++values > MOST) throw new FormatError("size", "a pickle of too many values");
    stack.push(value);
  };
  const pop = (): PickleValue => {
    const value = stack.pop();
    if (value === undefined || value === MARK) throw senseless();
    return value;
  };
  const popMark = (): PickleValue[] => {
    const mark = stack.lastIndexOf(MARK);
    if (mark < 0) throw senseless();
    return stack.splice(mark).slice(1) as PickleValue[];
  };
  const top = (): PickleValue => {
    const value = pop();
    stack.push(value);
    return value;
  };
  const list = (value: PickleValue): PickleValue[] => {
    if (!Array.isArray(value)) throw senseless();
    return value;
  };
  const addTo = (items: readonly PickleValue[]) => {
    const map = top();
    if (!(map instanceof Map)) throw senseless();
    for (let i = 0; i + 1 < items.length; i += 2) map.set(items[i] as PickleValue, items[i + 1] as PickleValue);
  };
  const named = (module: string, name: string): Name => {
    const full = `${module} ${name}`;
    if (!/^(numpy\._?core\.(multiarray _reconstruct|numeric _frombuffer)|numpy (ndarray|dtype)|_codecs encode)$/.test(full)) {
      throw new UnsupportedError("this pickle", `it asks Python for ${module}.${name}`);
    }
    return { name };
  };

  for (;;) {
    const code = String.fromCharCode((yield* take(1))[0] as number);
    const constant = CONSTANTS.get(code);
    const width = NUMBERS.get(code);
    const content = CONTENTS.get(code);
    if (constant !== undefined) push(constant);
    else if (width !== undefined) push(yield* uint(width));
    else if (content !== undefined) push(yield* bytes(yield* uint(content.width), content.decode));
    else
      switch (code) {
        case "\x80": // PROTO
          yield* take(1);
          break;
        case "\x95": // FRAME
          yield* take(8);
          break;
        case ".":
          return pop();
        case "(":
          push(MARK);
          break;
        case "0":
          stack.pop();
          break;
        case "1":
          popMark();
          break;
        case "2":
          push(top());
          break;
        case "I": {
          const digits = yield* line();
          push(digits === "01" ? true : digits === "00" ? false : Number(digits));
          break;
        }
        case "L":
          push(Number((yield* line()).replace(/L$/, "")));
          break;
        case "F":
          push(Number(yield* line()));
          break;
        case "J":
          push((yield* uint(4)) | 0);
          break;
        case "\x8a": // LONG1
          push(signed(yield* take(yield* uint(1))));
          break;
        case "G": {
          const eight = yield* take(8);
          push(new DataView(eight.buffer, eight.byteOffset).getFloat64(0));
          break;
        }
        case "S":
          push(unquoted(yield* line()));
          break;
        case "V":
          push(yield* line());
          break;
        case "]":
        case ")":
          push([]);
          break;
        case "}":
          push(new Map());
          break;
        case "l":
        case "t":
          push(popMark());
          break;
        case "\x85":
        case "\x86":
        case "\x87": {
          const items: PickleValue[] = [];
          for (let i = code.charCodeAt(0) - 0x84; i > 0; i--) items.unshift(pop());
          push(items);
          break;
        }
        case "d": {
          const items = popMark();
          push(new Map());
          addTo(items);
          break;
        }
        case "a": {
          const item = pop();
          list(top()).push(item);
          break;
        }
        case "e": {
          const items = popMark();
          const target = list(top());
          for (const item of items) target.push(item);
          break;
        }
        case "s": {
          const value = pop();
          addTo([pop(), value]);
          break;
        }
        case "u":
          addTo(popMark());
          break;
        case "p":
          memo.set(Number(yield* line()), top());
          break;
        case "q":
          memo.set(yield* uint(1), top());
          break;
        case "r":
          memo.set(yield* uint(4), top());
          break;
        case "\x94": // MEMOIZE
          memo.set(memo.size, top());
          break;
        case "g":
        case "h":
        case "j": {
          const key = code === "g" ? Number(yield* line()) : yield* uint(code === "h" ? 1 : 4);
          const value = memo.get(key);
          if (value === undefined) throw senseless();
          push(value);
          break;
        }
        case "c":
          push(named(yield* line(), yield* line()));
          break;
        case "\x93": {
          const name = String(pop());
          push(named(String(pop()), name));
          break;
        }
        case "R": {
          const args = list(pop());
          push(made(pop(), args));
          break;
        }
        case "b": {
          const state = list(pop());
          fill(top(), state);
          break;
        }
        default:
          throw new UnsupportedError("this pickle", `it holds more than plain data and arrays (${JSON.stringify(code)})`);
      }
  }
}

const senseless = () => new FormatError("value", "a pickle that makes no sense");
const unquoted = (text: string): string => text.replace(/^(['"])(.*)\1$/, "$2");
const signed = (bytes: Uint8Array): number => {
  const value = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0);
  return (bytes.at(-1) ?? 0) & 0x80 ? value - 256 ** bytes.length : value;
};

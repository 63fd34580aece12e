/** Bugs in the work on images, told as in `kernels.mjs`. */
const edit = (name) => ({ file: "tests/edit.test.ts", name });

export const workbench = [
  [
    "edit: restored images keep the label that they had in the bin",
    "src/data/edit.ts",
    "(label) => labels[label] ?? 0",
    "(label) => label",
    edit("a dropped class"),
  ],
  [
    "edit: digests stay behind",
    "src/data/edit.ts",
    '...(digests && { digests: images.map((i) => digests[i] ?? "") }),',
    "",
    edit("lie in the bin, whole"),
  ],
  [
    "edit: a part set by hand empties the drawn one",
    "src/data/edit.ts",
    'for (const image of test) parts[image] = "test";',
    "",
    edit("by hand leaves the others"),
  ],
  [
    "edit: evening out takes of the test set first",
    "src/data/edit.ts",
    "(2 - (worth[image] as number))",
    "(worth[image] as number)",
    edit("evening out"),
  ],
  [
    "twins: neighbours of a quarter are not looked up",
    "src/data/twins.ts",
    "masks(Math.floor(limit / 4))",
    "masks(0)",
    edit("every pair up to the limit"),
  ],
  [
    "twins: an image may go though nothing like it is kept",
    "src/data/twins.ts",
    "!kept.some((one) => alike(one, image))",
    "kept.length === 0",
    edit("a chain is one group"),
  ],
  [
    "likeness: colours are not compared",
    "src/data/likeness.ts",
    "return difference <",
    "return true || difference <",
    edit("told apart by their colours"),
  ],
  [
    "takeout: names differ by letter case alone",
    "src/data/takeout.ts",
    "const key = name.toLowerCase();",
    "const key = name; taken.clear();",
    edit("names that collide"),
  ],
  ["takeout: quotes are not doubled", "src/data/takeout.ts", `text.replaceAll('"', '""')`, "text", edit("quotes in a name")],
  ["history: what was undone stays to be done again", "src/store/edits.ts", "future: [], said }", "said }", edit("a new change forgets")],
  ["history: undo leaves the bin as it is", "src/store/edits.ts", "useEdits.setState({ bin });", "", edit("undo and redo give back")],
  [
    "history: other images keep the bin of those before",
    "src/store/edits.ts",
    "if (!joined) useEdits.setState({ bin: null });",
    "",
    edit("imports are steps"),
  ],
];

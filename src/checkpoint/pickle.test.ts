import { describe, expect, it } from "vitest";
import type { BeitError } from "../platform/errors.ts";
import { type PickleVocabulary, readPickle } from "./pickle.ts";

const vocabulary: PickleVocabulary = {
  persistent: (id) => ({ kind: "stored", id }),
  globals: new Map<string, (() => unknown) | null>([
    ["collections.OrderedDict", () => new Map()],
    ["torch.FloatStorage", null],
    ["m.Opaque", () => ({ kind: "opaque", name: "m.Opaque" })],
  ]),
};

/** Bytes of a pickle from characters and byte values. */
const bytes = (...parts: (string | number)[]) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "string" ? [...Buffer.from(part, "latin1")] : [part])));

const read = (...parts: (string | number)[]) => readPickle(bytes(...parts), 0, vocabulary, "m.pkl").value;

function refusal(...parts: (string | number)[]): string {
  try {
    read(...parts);
  } catch (error) {
    return `${(error as BeitError).code} | ${(error as BeitError).message.slice("m.pkl: ".length)}`;
  }
  return "read";
}

describe("readPickle", () => {
  // Each made with Python's pickle.dumps(value, protocol), written in hexadecimal.
  it.each([
    [
      "None, booleans, small numbers (2)",
      "80025d7100284e88894b014dff014afeffffff652e",
      [null, true, false, 1, 511, -2],
    ],
    ["long numbers (2)", "80025d7100288a0500000000014affffffff8a09000000000000000040652e", [2 ** 32, -1, 2n ** 70n]],
    ["a float and text (2)", "80024740040000000000005805000000c3a974c3a971008671012e", [2.5, "été"]],
    ["a shared list (4)", "8004950a000000000000005d944b0161680086942e", [[1], [1]]],
    [
      "a dict (4)",
      "80049511000000000000007d94288c0161944b018c0162944b02752e",
      new Map([
        ["a", 1],
        ["b", 2],
      ]),
    ],
    ["bytes (4)", "8004950600000000000000430201ff942e", Uint8Array.of(1, 255)],
  ])("reads %s", (_, hex, value) =>
    expect(readPickle(new Uint8Array(Buffer.from(hex, "hex")), 0, vocabulary, "m").value).toEqual(value),
  );

  it("starts and ends where told, so that pickles can follow each other", () => {
    const two = bytes(0x80, 2, "K", 7, ".", 0x80, 2, "K", 8, ".");
    expect(readPickle(two, 0, vocabulary, "m")).toEqual({ value: 7, end: 5 });
    expect(readPickle(two, 5, vocabulary, "m")).toEqual({ value: 8, end: 10 });
  });

  it("makes what the vocabulary knows, and reads over attributes", () => {
    expect(read("ccollections\nOrderedDict\n)R}b.")).toEqual(new Map());
    expect(read("cm\nOpaque\n)", 0x81, "}b.")).toEqual({ kind: "opaque", name: "m.Opaque" });
    expect(read("U", 1, "m", "U", 6, "Opaque", 0x93, ")R.")).toEqual({ kind: "opaque", name: "m.Opaque" });
    expect(read("(U", 7, "storagectorch\nFloatStorage\ntQ.")).toEqual({
      kind: "stored",
      id: ["storage", { kind: "global", name: "torch.FloatStorage" }],
    });
  });

  it.each([
    ["os.system", ["cos\nsystem\n(U", 2, "lstR."], "checkpoint/forbidden-global | its pickle refers to os.system,"],
    [
      "eval under its two names",
      ["cbuiltins\neval\n."],
      "checkpoint/forbidden-global | its pickle refers to builtins.eval,",
    ],
    [
      "a name from the stack",
      ["U", 2, "os", "U", 6, "system", 0x93, "."],
      "checkpoint/forbidden-global | its pickle refers to os.system,",
    ],
    [
      "a name that is a value",
      ["K", 1, "K", 2, 0x93, "."],
      "checkpoint/bad-pickle | is not a sound pickle: a global's name",
    ],
    [
      "a name of Object.prototype",
      ["ca\n__proto__\n."],
      "checkpoint/forbidden-global | its pickle refers to a.__proto__,",
    ],
    [
      "getattr",
      ["c__builtin__\ngetattr\n."],
      "checkpoint/forbidden-global | its pickle refers to __builtin__.getattr,",
    ],
    ["a call of a value", ["K", 1, ")R."], "checkpoint/forbidden-call | its pickle calls something"],
    [
      "a call of a dict with a kind",
      ["}U", 4, "kindU", 6, "globals)R."],
      "checkpoint/forbidden-call | its pickle calls something",
    ],
    ["a call without a tuple", ["ccollections\nOrderedDict\nK", 1, "R."], "checkpoint/forbidden-call"],
    [
      "a call of what may only be mentioned",
      ["ctorch\nFloatStorage\n)R."],
      "checkpoint/forbidden-call | its pickle calls torch.FloatStorage",
    ],
    ["INST", ["(ios\nsystem\n."], "checkpoint/forbidden-opcode | its pickle uses the operation INST (0x69)"],
    ["OBJ", ["(cm\nOpaque\no."], "checkpoint/forbidden-opcode | its pickle uses the operation OBJ (0x6f)"],
    ["an extension", [0x82, 1, "."], "checkpoint/forbidden-opcode | its pickle uses the operation EXT1 (0x82)"],
    ["NEWOBJ_EX", [0x92, "."], "checkpoint/forbidden-opcode | its pickle uses the operation NEWOBJ_EX (0x92)"],
    ["no operation at all", [0xff], "checkpoint/forbidden-opcode | its pickle uses the operation 0xff"],
    ["attributes of a list", ["]}b."], "checkpoint/bad-pickle | is not a sound pickle: it sets attributes"],
    ["an empty stack", ["."], "checkpoint/bad-pickle | is not a sound pickle: its stack is empty"],
    ["too few for a tuple", ["N", 0x87, "."], "checkpoint/bad-pickle | is not a sound pickle: its stack is empty"],
    ["a mark never set", ["t."], "checkpoint/bad-pickle | is not a sound pickle: it closes a group"],
    ["a memo never stored", ["h", 3, "."], "checkpoint/bad-pickle | is not a sound pickle: it recalls entry 3"],
    ["an append to a dict", ["}Na."], "checkpoint/bad-pickle | is not a sound pickle: it appends"],
    ["an item of a list", ["]NNs."], "checkpoint/bad-pickle | is not a sound pickle: it sets items"],
    ["a key without value", ["}(Nu."], "checkpoint/bad-pickle | is not a sound pickle: a dict has a key without"],
    ["text beyond the end", ["X", 0xff, 0xff, 0xff, 0x7f, "a"], "checkpoint/truncated | its pickle ends in the middle"],
    [
      "64-bit text beyond the end",
      [0x8d, ...Array(8).fill(0xff), "a"],
      "checkpoint/truncated | its pickle ends in the middle",
    ],
    ["a name without its end", ["cos"], "checkpoint/truncated | its pickle ends in the middle of a name"],
    ["no end", ["N"], "checkpoint/truncated | its pickle ends in the middle"],
  ])("refuses %s", (_, parts, message) => expect(refusal(...(parts as (string | number)[]))).toContain(message));

  it("does not unfold values that refer to each other endlessly", () => {
    const doubling = Array.from({ length: 60 }, () => ["q", 0, "h", 0, 0x86]).flat();
    expect(refusal("N", ...doubling, "K", 1, 0x93, ".")).toContain("checkpoint/bad-pickle");
  });
});

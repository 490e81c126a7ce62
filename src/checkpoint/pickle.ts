import { BeitError } from "../platform/errors.ts";
import { show } from "./json.ts";

/** A Python name a pickle refers to, e.g. `torch.FloatStorage`; only names of the vocabulary come into being. */
export interface PickleGlobal {
  kind: "global";
  name: string;
}

/** An object whose insides do not matter here, e.g. an `argparse.Namespace`. */
export interface PickleOpaque {
  kind: "opaque";
  name: string;
}

/** An object of which only what its pickle sets on it is known, e.g. a `torch.nn` module. It has no behaviour. */
export interface PickleRecord {
  kind: "record";
  name: string;
  /** Attributes by name; empty until they are set. */
  state: ReadonlyMap<unknown, unknown>;
}

/** What a pickle may say. Nothing else in it has any effect. */
export interface PickleVocabulary {
  /** What calling an allowed global makes of its arguments; null for a name that may be mentioned but not called. */
  globals: ReadonlyMap<string, ((args: readonly unknown[]) => unknown) | null>;
  /** The object a persistent id stands for. */
  persistent(id: unknown): unknown;
}

interface Machine {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly name: string;
  readonly vocabulary: PickleVocabulary;
  readonly memo: Map<number, unknown>;
  at: number;
  stack: unknown[];
  /** The stacks below each open MARK. */
  below: unknown[][];
}

/**
 * Reads one pickle, protocol 2 to 5, without the power of pickles: it makes None, booleans, numbers, strings, bytes, lists
 * and tuples (arrays), dicts (Map) and what the vocabulary makes of its own names. Any other name or operation ends it.
 * @param start the byte where the pickle begins
 * @param name the file, for messages
 * @returns the value and the byte after the pickle
 * @throws BeitError `checkpoint/forbidden-global`, `checkpoint/forbidden-opcode`, `checkpoint/forbidden-call`,
 * `checkpoint/bad-pickle`, `checkpoint/truncated`.
 * @see https://github.com/python/cpython/blob/3.12/Lib/pickletools.py for the operations
 */
export function readPickle(
  bytes: Uint8Array,
  start: number,
  vocabulary: PickleVocabulary,
  name: string,
): { value: unknown; end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const machine: Machine = { bytes, view, name, vocabulary, memo: new Map(), at: start, stack: [], below: [] };
  for (;;) {
    const opcode = bytes[take(machine, 1)]!;
    if (opcode === STOP) return { value: pop(machine), end: machine.at };
    const operation = operations[opcode];
    if (operation === undefined) throw forbiddenOpcode(machine, opcode);
    operation(machine);
  }
}

const STOP = 0x2e;
const opcode = (character: string) => character.charCodeAt(0);

const operations: Readonly<Record<number, (m: Machine) => void>> = {
  128: (m) => take(m, 1), // PROTO: what may follow is decided per operation
  149: (m) => take(m, 8), // FRAME
  [opcode("(")]: (m) => {
    m.below.push(m.stack);
    m.stack = [];
  },
  [opcode("0")]: (m) => pop(m),
  [opcode("N")]: (m) => m.stack.push(null),
  136: (m) => m.stack.push(true),
  137: (m) => m.stack.push(false),
  [opcode("J")]: (m) => m.stack.push(m.view.getInt32(take(m, 4), true)),
  [opcode("K")]: (m) => m.stack.push(m.bytes[take(m, 1)]),
  [opcode("M")]: (m) => m.stack.push(m.view.getUint16(take(m, 2), true)),
  138: (m) => m.stack.push(long(takeBytes(m, m.bytes[take(m, 1)]!))), // LONG1
  [opcode("G")]: (m) => m.stack.push(m.view.getFloat64(take(m, 8), false)),
  [opcode("X")]: (m) => m.stack.push(text(m, uint32(m))),
  140: (m) => m.stack.push(text(m, m.bytes[take(m, 1)]!)), // SHORT_BINUNICODE
  141: (m) => m.stack.push(text(m, uint64(m))), // BINUNICODE8
  [opcode("T")]: (m) => m.stack.push(latin1(m, uint32(m))), // BINSTRING: Python 2's str
  [opcode("U")]: (m) => m.stack.push(latin1(m, m.bytes[take(m, 1)]!)),
  [opcode("B")]: (m) => m.stack.push(takeBytes(m, uint32(m))),
  [opcode("C")]: (m) => m.stack.push(takeBytes(m, m.bytes[take(m, 1)]!)),
  [opcode("}")]: (m) => m.stack.push(new Map()),
  [opcode("]")]: (m) => m.stack.push([]),
  [opcode(")")]: (m) => m.stack.push([]),
  [opcode("t")]: (m) => pushAbove(m, popMark(m)),
  [opcode("l")]: (m) => pushAbove(m, popMark(m)),
  [opcode("d")]: (m) => pushAbove(m, setItems(m, new Map(), popMark(m))),
  133: (m) => pushAbove(m, popMany(m, 1)), // TUPLE1
  134: (m) => pushAbove(m, popMany(m, 2)),
  135: (m) => pushAbove(m, popMany(m, 3)),
  [opcode("a")]: (m) => append(m, popMany(m, 1)),
  [opcode("e")]: (m) => append(m, popMark(m)),
  [opcode("s")]: (m) => setTop(m, popMany(m, 2)),
  [opcode("u")]: (m) => setTop(m, popMark(m)),
  [opcode("q")]: (m) => m.memo.set(m.bytes[take(m, 1)]!, top(m)),
  [opcode("r")]: (m) => m.memo.set(uint32(m), top(m)),
  148: (m) => m.memo.set(m.memo.size, top(m)), // MEMOIZE
  [opcode("h")]: (m) => m.stack.push(recall(m, m.bytes[take(m, 1)]!)),
  [opcode("j")]: (m) => m.stack.push(recall(m, uint32(m))),
  [opcode("c")]: (m) => m.stack.push(globalNamed(m, line(m), line(m))),
  147: (m) => m.stack.push(globalNamed(m, ...(popMany(m, 2) as [unknown, unknown]))), // STACK_GLOBAL
  [opcode("Q")]: (m) => m.stack.push(m.vocabulary.persistent(pop(m))),
  [opcode("R")]: call,
  129: call, // NEWOBJ: cls.__new__(cls, *args), the same thing for the names there are
  [opcode("b")]: build,
};

/** Names of operations that are not read, for the refusal. */
const refused: Readonly<Record<number, string>> = {
  [opcode("i")]: "INST",
  [opcode("o")]: "OBJ",
  [opcode("P")]: "PERSID",
  [opcode("I")]: "INT",
  [opcode("L")]: "LONG",
  [opcode("F")]: "FLOAT",
  [opcode("S")]: "STRING",
  [opcode("V")]: "UNICODE",
  [opcode("g")]: "GET",
  [opcode("p")]: "PUT",
  [opcode("1")]: "POP_MARK",
  [opcode("2")]: "DUP",
  130: "EXT1",
  131: "EXT2",
  132: "EXT4",
  139: "LONG4",
  142: "BINBYTES8",
  143: "EMPTY_SET",
  144: "ADDITEMS",
  145: "FROZENSET",
  146: "NEWOBJ_EX",
  150: "BYTEARRAY8",
  151: "NEXT_BUFFER",
  152: "READONLY_BUFFER",
};

function call(m: Machine): void {
  const [callee, args] = popMany(m, 2);
  if (!isKind<PickleGlobal>(callee, "global") || !Array.isArray(args)) {
    throw new BeitError(
      "checkpoint/forbidden-call",
      `${m.name}: its pickle calls something that is not a plain name with arguments`,
    );
  }
  const make = m.vocabulary.globals.get(callee.name);
  if (!make)
    throw new BeitError(
      "checkpoint/forbidden-call",
      `${m.name}: its pickle calls ${callee.name}, which may only be mentioned`,
    );
  m.stack.push(make(args));
}

/** Attributes set on a record are kept; on an OrderedDict (`_metadata` of a state dict) or an opaque object, read over. */
function build(m: Machine): void {
  const state = pop(m);
  const object = top(m);
  if (isKind<PickleRecord>(object, "record")) {
    if (!(state instanceof Map))
      throw bad(m, `it sets the attributes of ${object.name} from something that is not a dict`);
    object.state = state;
    return;
  }
  if (!(object instanceof Map) && !isKind<PickleOpaque>(object, "opaque"))
    throw bad(m, "it sets attributes on a plain value");
}

function globalNamed(m: Machine, module: unknown, attribute: unknown): PickleGlobal {
  if (typeof module !== "string" || typeof attribute !== "string") throw bad(m, "a global's name is not a string");
  const name = `${module}.${attribute}`;
  if (m.vocabulary.globals.has(name)) return { kind: "global", name };
  throw new BeitError(
    "checkpoint/forbidden-global",
    `${m.name}: its pickle refers to ${show(name).slice(1, -1)}, which a file of weights does not need: it is refused, nothing was run`,
  );
}

/** Whether a value made by the vocabulary, or a global, is of a kind. No pickle can forge one: dicts become Map. */
export function isKind<T extends { kind: string }>(value: unknown, kind: T["kind"]): value is T {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
}

function take(m: Machine, length: number): number {
  const at = m.at;
  if (length > m.bytes.length - at)
    throw new BeitError("checkpoint/truncated", `${m.name}: its pickle ends in the middle, at byte ${at}`);
  m.at += length;
  return at;
}

function takeBytes(m: Machine, length: number): Uint8Array {
  const at = take(m, length);
  return m.bytes.subarray(at, at + length);
}

const uint32 = (m: Machine) => m.view.getUint32(take(m, 4), true);
const uint64 = (m: Machine) => Number(m.view.getBigUint64(take(m, 8), true)); // inexact above 2^53, which take refuses
const text = (m: Machine, length: number) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(takeBytes(m, length));
const latin1 = (m: Machine, length: number) => new TextDecoder("latin1").decode(takeBytes(m, length));

/** A line of text up to the next newline, as GLOBAL has its two names. */
function line(m: Machine): string {
  const end = m.bytes.indexOf(0x0a, m.at);
  if (end < 0) throw new BeitError("checkpoint/truncated", `${m.name}: its pickle ends in the middle of a name`);
  const value = text(m, end - m.at);
  take(m, 1);
  return value;
}

/** Little-endian two's complement; a number where it is exact. */
function long(bytes: Uint8Array): number | bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  value = BigInt.asIntN(8 * bytes.length, value);
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function top(m: Machine): unknown {
  if (m.stack.length === 0) throw bad(m, "its stack is empty where a value is needed");
  return m.stack.at(-1);
}

function pop(m: Machine): unknown {
  top(m);
  return m.stack.pop();
}

function popMany(m: Machine, count: number): unknown[] {
  if (m.stack.length < count) throw bad(m, "its stack is empty where values are needed");
  return m.stack.splice(m.stack.length - count);
}

function popMark(m: Machine): unknown[] {
  const items = m.stack;
  const stack = m.below.pop();
  if (stack === undefined) throw bad(m, "it closes a group it did not open");
  m.stack = stack;
  return items;
}

const pushAbove = (m: Machine, value: unknown) => m.stack.push(value);

function append(m: Machine, items: readonly unknown[]): void {
  const list = top(m);
  if (!Array.isArray(list)) throw bad(m, "it appends to something that is not a list");
  for (const item of items) list.push(item);
}

function setTop(m: Machine, items: readonly unknown[]): void {
  const map = top(m);
  if (!(map instanceof Map)) throw bad(m, "it sets items of something that is not a dict");
  setItems(m, map, items);
}

function setItems(m: Machine, map: Map<unknown, unknown>, items: readonly unknown[]): Map<unknown, unknown> {
  if (items.length % 2 !== 0) throw bad(m, "a dict has a key without a value");
  for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1]);
  return map;
}

function recall(m: Machine, key: number): unknown {
  if (!m.memo.has(key)) throw bad(m, `it recalls entry ${key}, which it never stored`);
  return m.memo.get(key);
}

function forbiddenOpcode(m: Machine, code: number): BeitError {
  const hex = `0x${code.toString(16).padStart(2, "0")}`;
  const what = refused[code] ? `${refused[code]} (${hex})` : hex;
  return new BeitError(
    "checkpoint/forbidden-opcode",
    `${m.name}: its pickle uses the operation ${what}, which is not read here`,
  );
}

function bad(m: Machine, reason: string): BeitError {
  return new BeitError("checkpoint/bad-pickle", `${m.name}: is not a sound pickle: ${reason} (byte ${m.at})`);
}

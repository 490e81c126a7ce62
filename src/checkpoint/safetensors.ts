import { BeitError } from "../platform/errors.ts";
import { bytesOf, type DType, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { bytesOfTensor, elementsAt, isShape } from "./bytes.ts";
import { duplicateKey, isRecord, show } from "./json.ts";

const MAX_HEADER_BYTES = 100_000_000; // safetensors/src/tensor.rs, MAX_HEADER_SIZE

const dtypes: ReadonlyMap<string, DType> = new Map([
  ["F32", "float32"],
  ["F64", "float64"],
  ["F16", "float16"],
  ["BF16", "bfloat16"],
  ["I64", "int64"],
  ["I32", "int32"],
  ["U8", "uint8"],
  ["I8", "int8"],
  ["BOOL", "bool"],
]);
const codes = new Map([...dtypes].map(([code, dtype]) => [dtype, code]));

/** What a safetensors file holds. */
export interface SafetensorsContent {
  /** By name, in the order of the header. Tensors are views of the file's bytes where the alignment allows it. */
  tensors: Map<string, Tensor>;
  /** The header's `__metadata__`; empty without one. */
  metadata: Record<string, string>;
}

/** A tensor's entry in the header, checked by itself but not yet against its neighbours. */
interface Entry {
  name: string;
  dtype: DType;
  shape: number[];
  start: number;
  end: number;
}

/**
 * Reads a safetensors file. The whole header is checked before any tensor is made: the length, the JSON, duplicate names,
 * dtypes, shape × size against the offsets, and that the tensors cover the data without overlap, hole or rest.
 * @param name the file, for messages
 * @throws BeitError `checkpoint/truncated`, `checkpoint/bad-header`, `checkpoint/unsupported-dtype`, each naming the file
 * and, where there is one, the tensor.
 * @see https://github.com/huggingface/safetensors#format
 */
export function parseSafetensors(bytes: Uint8Array, name: string): SafetensorsContent {
  const header = readHeader(bytes, name);
  const { __metadata__: found, ...descriptions } = header.json;
  const metadata = checkMetadata(found, name);
  const entries = Object.entries(descriptions).map(([tensor, value]) => checkEntry(tensor, value, name));
  checkCover(entries, bytes.length - header.dataStart, name);
  const tensors = new Map<string, Tensor>();
  for (const { name: tensor, dtype, shape, start } of entries) {
    tensors.set(tensor, { dtype, shape, data: elementsAt(bytes, header.dataStart + start, sizeOf(shape), dtype) });
  }
  return { tensors, metadata };
}

function readHeader(bytes: Uint8Array, name: string): { json: Record<string, unknown>; dataStart: number } {
  if (bytes.length < 8) {
    throw new BeitError(
      "checkpoint/truncated",
      `${name}: a safetensors file has at least 8 bytes, this one has ${bytes.length}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > MAX_HEADER_BYTES) {
    throw badHeader(
      name,
      `its header claims ${length} bytes, more than ${MAX_HEADER_BYTES}: this is not a safetensors file`,
    );
  }
  if (length > bytes.length - 8) {
    throw new BeitError(
      "checkpoint/truncated",
      `${name}: its header claims ${length} bytes, but only ${bytes.length - 8} follow: the file is cut off, fetch it again`,
    );
  }
  return { json: parseHeader(bytes.subarray(8, 8 + length), name), dataStart: 8 + length };
}

function parseHeader(bytes: Uint8Array, name: string): Record<string, unknown> {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (error) {
    throw badHeader(name, `its header is not JSON in UTF-8 (${(error as Error).message})`, error);
  }
  if (!isRecord(json)) throw badHeader(name, "its header is not a JSON object");
  const twice = duplicateKey(text);
  if (twice !== undefined) throw badHeader(name, `its header has ${show(twice)} twice`);
  return json;
}

function checkMetadata(value: unknown, name: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isRecord(value)) throw badHeader(name, "__metadata__ is not an object");
  const entries = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text !== "string") throw badHeader(name, `__metadata__ ${show(key)} is not a string`);
    return [key, text];
  });
  return Object.fromEntries(entries); // defines own properties, so a key such as "__proto__" stays a key
}

function checkEntry(tensor: string, value: unknown, name: string): Entry {
  const fail = (reason: string) => badHeader(name, `tensor ${show(tensor)}: ${reason}`);
  if (!isRecord(value)) throw fail("its description is not an object");
  const { dtype: code, shape, data_offsets: offsets } = value;
  if (typeof code !== "string") throw fail("has no dtype");
  const dtype = dtypes.get(code);
  if (dtype === undefined) {
    const known = [...dtypes.keys()].join(", ");
    throw new BeitError(
      "checkpoint/unsupported-dtype",
      `${name}: tensor ${show(tensor)}: dtype ${show(code)} is not one of ${known}`,
    );
  }
  if (!isShape(shape)) throw fail(`shape ${show(shape)} is not a list of non-negative integers of an exact product`);
  if (!areOffsets(offsets)) throw fail(`data_offsets ${show(offsets)} are not two offsets in bytes`);
  const [start, end] = offsets;
  const expected = sizeOf(shape) * bytesOf[dtype];
  if (end - start !== expected) {
    throw fail(
      `${code} of shape ${show(shape)} needs ${expected} bytes, data_offsets ${show(offsets)} span ${end - start}`,
    );
  }
  return { name: tensor, dtype, shape, start, end };
}

function areOffsets(value: unknown): value is [number, number] {
  return (
    Array.isArray(value) && value.length === 2 && value.every((offset) => Number.isSafeInteger(offset) && offset >= 0)
  );
}

/** The tensors, by offset, must tile the `length` bytes of data: no overlap, no hole, nothing beyond, nothing left. */
function checkCover(entries: readonly Entry[], length: number, name: string): void {
  let position = 0;
  for (const { name: tensor, start, end } of entries.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    const quoted = show(tensor);
    if (start < position)
      throw badHeader(name, `tensor ${quoted}: starts at byte ${start}, inside the one that ends at ${position}`);
    if (start > position)
      throw badHeader(name, `tensor ${quoted}: starts at byte ${start}, leaving a hole from ${position}`);
    if (end > length) {
      throw new BeitError(
        "checkpoint/truncated",
        `${name}: tensor ${quoted} ends at byte ${end} of the data, but there are only ${length}: the file is cut off, fetch it again`,
      );
    }
    position = end;
  }
  if (position !== length)
    throw badHeader(name, `its tensors take ${position} bytes, but ${length} bytes of data follow the header`);
}

/**
 * A safetensors file as parts to write one after the other; the tensors' parts are views of their own memory. The header
 * lists the tensors in the order given; the data of wider dtypes comes first, so that every tensor lies aligned in the file.
 * @throws BeitError `checkpoint/bad-tensor` for a name given twice, `__metadata__` as a name, or data that do not fill a shape.
 */
export function serializeSafetensors(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Uint8Array[] {
  const named = [...tensors];
  checkWritable(named);
  const laidOut = named.toSorted(([, a], [, b]) => bytesOf[b.dtype] - bytesOf[a.dtype]);
  const offsets = new Map<string, [number, number]>();
  let position = 0;
  for (const [name, { data }] of laidOut) {
    offsets.set(name, [position, position + data.byteLength]);
    position += data.byteLength;
  }
  const entries = named.map(([name, { dtype, shape }]) => ({ name, dtype, shape, offsets: offsets.get(name)! }));
  return [frameHeader(headerText(entries, metadata)), ...laidOut.map(([, tensor]) => bytesOfTensor(tensor))];
}

/**
 * The head of a file whose only tensor is written behind it piece by piece.
 * @param least bytes that it takes at least, so that it can be written over one that was made for a longer shape
 */
export function safetensorsHead(
  name: string,
  { dtype, shape }: Pick<Tensor, "dtype" | "shape">,
  metadata: Readonly<Record<string, string>>,
  least = 0,
): Uint8Array {
  const entry = { name, dtype, shape, offsets: [0, sizeOf(shape) * bytesOf[dtype]] as const };
  return frameHeader(headerText([entry], metadata), least);
}

interface WrittenEntry extends Pick<Tensor, "dtype" | "shape"> {
  readonly name: string;
  readonly offsets: readonly [number, number];
}

function headerText(entries: readonly WrittenEntry[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const fields = entries.map(({ name, dtype, shape, offsets }) => {
    const description = { dtype: codes.get(dtype), shape, data_offsets: offsets };
    return `${JSON.stringify(name)}:${JSON.stringify(description)}`;
  });
  return new TextEncoder().encode(`{${[`"__metadata__":${JSON.stringify(metadata)}`, ...fields].join(",")}}`);
}

function checkWritable(named: readonly (readonly [string, Tensor])[]): void {
  const names = new Set(["__metadata__"]);
  for (const [name, { dtype, shape, data }] of named) {
    const quoted = show(name);
    if (names.has(name))
      throw new BeitError("checkpoint/bad-tensor", `safetensors: the name ${quoted} is taken or reserved`);
    names.add(name);
    if (!isShape(shape) || data.length !== sizeOf(shape)) {
      throw new BeitError(
        "checkpoint/bad-tensor",
        `safetensors: tensor ${quoted}: ${dtype} of shape ${show(shape)} does not have ${data.length} elements`,
      );
    }
  }
}

/** The length and the JSON, padded with spaces so that the data start at a multiple of 8 bytes, not before `least`. */
function frameHeader(text: Uint8Array, least = 0): Uint8Array {
  const length = Math.ceil(Math.max(text.length, least - 8) / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(text, 8);
  return header;
}

function badHeader(name: string, reason: string, cause?: unknown): BeitError {
  return new BeitError("checkpoint/bad-header", `${name}: ${reason}`, { cause });
}

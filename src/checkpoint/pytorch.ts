import { BeitError } from "../platform/errors.ts";
import { bytesOf, type DType, type Tensor } from "../tensor/tensor.ts";
import { show } from "./json.ts";
import { isModule, moduleVocabulary, stateDict } from "./modules.ts";
import { isKind, type PickleGlobal, type PickleOpaque, type PickleVocabulary, readPickle } from "./pickle.ts";
import { isIndex, materialize, type Storage, type StoredTensor, storageSource, storedTensor } from "./stored.ts";
import { readZip, type ZipEntry } from "./zip.ts";

const storageTypes: ReadonlyMap<string, DType> = new Map([
  ["torch.FloatStorage", "float32"],
  ["torch.DoubleStorage", "float64"],
  ["torch.HalfStorage", "float16"],
  ["torch.BFloat16Storage", "bfloat16"],
  ["torch.LongStorage", "int64"],
  ["torch.IntStorage", "int32"],
  ["torch.ByteStorage", "uint8"],
  ["torch.CharStorage", "int8"],
  ["torch.BoolStorage", "bool"],
]);
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn; // torch/serialization.py, MAGIC_NUMBER
const LEGACY_PROTOCOL = 1001; // torch/serialization.py, PROTOCOL_VERSION
const WRAPPERS = ["model", "module", "state_dict"]; // unilm and timm, unilm, mmsegmentation
const PREFIXES = ["module.", "backbone."]; // DistributedDataParallel, mmsegmentation

/**
 * The tensors of a PyTorch checkpoint (`pytorch_model.bin`, `.pth`): the zip archive of `torch.save`, or the format before
 * PyTorch 1.6. The pickle inside is read by a reader that can only make tensors and plain values; nothing in it is run.
 * A checkpoint around a state dict is opened with {@link unwrap}. Tensors are views of the file's bytes where strides and
 * alignment allow it (shared storages stay shared), else copies in row-major order.
 * @param name the file, for messages
 * @throws BeitError `checkpoint/forbidden-global` naming what the pickle asks for; `checkpoint/not-pytorch`,
 * `checkpoint/no-tensors`, `checkpoint/bad-tensor`, `checkpoint/too-large`, and what zip and pickle reading throw.
 * @see https://github.com/pytorch/pytorch/blob/v1.13.1/torch/serialization.py
 */
export function parsePytorch(bytes: Uint8Array, name: string): Map<string, Tensor> {
  const content = isZip(bytes) ? readArchive(bytes, name) : readLegacy(bytes, name);
  const source = storageSource(bytes, name);
  const tensors = new Map<string, Tensor>();
  for (const [key, stored] of unwrap(content, name)) tensors.set(key, materialize(stored, source));
  return tensors;
}

/**
 * The state dict in a checkpoint: that of a whole module (as DALL-E's tokenizer is published), or under "model" (unilm,
 * timm), "module" or "state_dict" where there is one, else the content itself; entries that are no tensors (epoch, args) are
 * left out. The prefix "module." goes when every name has it, "backbone." when any has.
 * @throws BeitError `checkpoint/no-tensors`.
 */
export function unwrap(content: unknown, name: string): Map<string, StoredTensor> {
  let dict = isModule(content) ? stateDict(content, name) : content;
  for (const key of WRAPPERS) {
    const inner = dict instanceof Map ? dict.get(key) : undefined;
    if (inner instanceof Map) dict = inner;
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [key, value] of dict instanceof Map ? dict : []) {
    if (typeof key === "string" && isKind<StoredTensor>(value, "tensor")) tensors.set(key, value);
  }
  if (tensors.size > 0) return withoutPrefixes(tensors, name);
  const keys = dict instanceof Map ? `keys ${show([...dict.keys()])}` : "no dict";
  throw new BeitError("checkpoint/no-tensors", `${name}: expected a state dict of tensors, found ${keys}`);
}

function withoutPrefixes(tensors: Map<string, StoredTensor>, name: string): Map<string, StoredTensor> {
  const [distributed, backbone] = PREFIXES as [string, string];
  const names = [...tensors.keys()];
  const everywhere = names.every((key) => key.startsWith(distributed));
  const strip = (key: string) => {
    const inner = everywhere ? key.slice(distributed.length) : key;
    return inner.startsWith(backbone) ? inner.slice(backbone.length) : inner;
  };
  const stripped = new Map([...tensors].map(([key, tensor]) => [strip(key), tensor]));
  if (stripped.size === tensors.size) return stripped;
  throw new BeitError(
    "checkpoint/bad-tensor",
    `${name}: has the same tensor with and without the prefix ${show(backbone)}`,
  );
}

function isZip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4; // "PK", local file header
}

function readArchive(bytes: Uint8Array, name: string): unknown {
  const entries = readZip(bytes, name);
  const pickle = [...entries].find(([path]) => /^[^/]+\/data\.pkl$/.test(path));
  if (pickle === undefined) {
    throw new BeitError(
      "checkpoint/not-pytorch",
      `${name}: is a zip archive without data.pkl: torch.save did not write it`,
    );
  }
  const root = pickle[0].slice(0, -"data.pkl".length);
  checkByteOrder(bytes, entries.get(`${root}byteorder`), name);
  const storages = new Map<string, Storage>();
  const vocabulary = vocabularyOf(bytes, name, (id) => {
    const storage = storageOf(id, storages, name);
    if (storage.start === undefined) placeInArchive(storage, entries.get(`${root}data/${storage.key}`), name);
    return storage;
  });
  const { start, end } = pickle[1];
  return readPickle(bytes.subarray(0, end), start, vocabulary, name).value;
}

function checkByteOrder(bytes: Uint8Array, entry: ZipEntry | undefined, name: string): void {
  const order = entry ? new TextDecoder().decode(bytes.subarray(entry.start, entry.end)) : "little";
  if (order === "little") return;
  throw new BeitError("checkpoint/byte-order", `${name}: expected little-endian data, byteorder says ${show(order)}`);
}

function placeInArchive(storage: Storage, entry: ZipEntry | undefined, name: string): void {
  const { key, length, dtype } = storage;
  const expected = length * bytesOf[dtype];
  const found = entry ? entry.end - entry.start : undefined;
  if (entry === undefined || found !== expected) {
    const message = `${name}: storage ${show(key)} of ${length} × ${dtype} needs ${expected} bytes, the archive has ${found ?? "no such entry"}`;
    throw new BeitError("checkpoint/truncated", message);
  }
  storage.start = entry.start;
}

/** Five pickles (magic number, protocol, system, content, storage keys), then each storage: length as int64, elements. */
function readLegacy(bytes: Uint8Array, name: string): unknown {
  const storages = new Map<string, Storage>();
  const vocabulary = vocabularyOf(bytes, name, (id) => classOf(id) ?? storageOf(id, storages, name));
  let at = 0;
  const next = () => {
    const { value, end } = readPickle(bytes, at, vocabulary, name);
    at = end;
    return value;
  };
  if (bytes[0] !== 0x80 || next() !== LEGACY_MAGIC) {
    throw new BeitError("checkpoint/not-pytorch", `${name}: is neither a zip archive nor a legacy file of torch.save`);
  }
  const protocol = next();
  const system = next();
  if (protocol !== LEGACY_PROTOCOL || !(system instanceof Map) || system.get("little_endian") !== true) {
    throw new BeitError(
      "checkpoint/byte-order",
      `${name}: expected little-endian data in protocol ${LEGACY_PROTOCOL}, found ${show(protocol)}`,
    );
  }
  const content = next();
  const keys = next();
  if (!Array.isArray(keys)) throw new BeitError("checkpoint/bad-pickle", `${name}: has no list of storages`);
  for (const key of keys) at = placeInLegacy(bytes, at, storages.get(key as string), name);
  return content;
}

/** A module's class comes as ("module", class, file, source code), of which the name is enough. */
function classOf(id: unknown): PickleGlobal | undefined {
  const [tag, type] = Array.isArray(id) ? id : [];
  return tag === "module" && isKind<PickleGlobal>(type, "global") ? type : undefined;
}

function placeInLegacy(bytes: Uint8Array, at: number, storage: Storage | undefined, name: string): number {
  if (storage === undefined || storage.start !== undefined) {
    throw new BeitError("checkpoint/bad-pickle", `${name}: lists a storage twice, or one no tensor uses`);
  }
  const start = at + 8;
  const end = start + storage.length * bytesOf[storage.dtype];
  if (end > bytes.length) {
    const message = `${name}: storage ${show(storage.key)} ends at byte ${end} of ${bytes.length}: the file is cut off, fetch it again`;
    throw new BeitError("checkpoint/truncated", message);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigInt64(at, true);
  if (length !== BigInt(storage.length)) {
    throw new BeitError(
      "checkpoint/bad-tensor",
      `${name}: storage ${show(storage.key)} has ${length} elements, its tensors say ${storage.length}`,
    );
  }
  storage.start = start;
  return end;
}

/** The storage of a persistent id ("storage", type, key, location, number of elements[, view]), one per key. */
function storageOf(id: unknown, storages: Map<string, Storage>, name: string): Storage {
  const [tag, type, key, , length, view] = Array.isArray(id) ? id : [];
  const dtype = isKind<PickleGlobal>(type, "global") ? storageTypes.get(type.name) : undefined;
  if (
    tag !== "storage" ||
    dtype === undefined ||
    typeof key !== "string" ||
    !isIndex(length) ||
    (view ?? null) !== null
  ) {
    throw new BeitError("checkpoint/bad-pickle", `${name}: a persistent id is not that of a storage: ${show(id)}`);
  }
  const known = storages.get(key);
  if (known === undefined) {
    const storage: Storage = { kind: "storage", dtype, key, length };
    storages.set(key, storage);
    return storage;
  }
  if (known.dtype === dtype && known.length === length) return known;
  throw new BeitError("checkpoint/bad-tensor", `${name}: storage ${show(key)} is described in two ways`);
}

function vocabularyOf(bytes: Uint8Array, name: string, persistent: PickleVocabulary["persistent"]): PickleVocabulary {
  let pairsLeft = bytes.length; // one list may be named again and again, and made a dictionary every time
  const dictionary = (pairs: unknown) => {
    const made = orderedDict(pairs, name);
    pairsLeft -= (pairs as unknown[]).length;
    if (pairsLeft >= 0) return made;
    throw new BeitError("checkpoint/bad-pickle", `${name}: makes dictionaries of more entries than it has bytes`);
  };
  const tensor = ([storage, offset, shape, strides]: readonly unknown[]) => {
    if (isKind<Storage>(storage, "storage")) return storedTensor(storage, offset, shape, strides, name);
    throw new BeitError("checkpoint/bad-tensor", `${name}: a tensor has no storage`);
  };
  const namespace: PickleOpaque = { kind: "opaque", name: "argparse.Namespace" };
  return {
    persistent,
    globals: new Map<string, ((args: readonly unknown[]) => unknown) | null>([
      ...[...storageTypes.keys()].map((type): [string, null] => [type, null]),
      ["torch._utils._rebuild_tensor", tensor],
      ["torch._utils._rebuild_tensor_v2", tensor],
      ["torch._utils._rebuild_parameter", ([data]) => data],
      ["torch.Size", ([dimensions]) => dimensions],
      ["collections.OrderedDict", ([pairs]) => dictionary(pairs ?? [])],
      ["argparse.Namespace", () => namespace],
      ...moduleVocabulary,
    ]),
  };
}

/** Empty with its items set afterwards (Python 3), or made of a list of pairs (Python 2). */
function orderedDict(pairs: unknown, name: string): Map<unknown, unknown> {
  if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) {
    throw new BeitError(
      "checkpoint/bad-pickle",
      `${name}: an OrderedDict is made of something that is not a list of pairs`,
    );
  }
  return new Map(pairs as [unknown, unknown][]);
}

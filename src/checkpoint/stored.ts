import { BeitError } from "../platform/errors.ts";
import { bytesOf, type DataOf, type DType, sizeOf, type Tensor } from "../tensor/tensor.ts";
import { allocate, elementsAt, isAligned, isShape } from "./bytes.ts";
import { show } from "./json.ts";

/** A PyTorch storage: a flat array several tensors may look into. */
export interface Storage {
  kind: "storage";
  dtype: DType;
  /** Its name in the file. */
  key: string;
  /** Number of elements. */
  length: number;
  /** Where its bytes begin in the file; the legacy format tells only after the pickle. */
  start?: number;
  /** Its elements, once read. */
  data?: DataOf[DType];
}

/** A PyTorch tensor: a strided window of a storage, offset and strides in elements. */
export interface StoredTensor {
  kind: "tensor";
  storage: Storage;
  offset: number;
  shape: readonly number[];
  strides: readonly number[];
}

/** The file the storages lie in, and how many bytes may still be copied out of it. */
export interface StorageSource {
  bytes: Uint8Array;
  name: string;
  copyBytesLeft: number;
}

const COPY_FACTOR = 8; // a stride of 0 or many views of one storage would let a small file fill the memory

/** @param name the file, for messages */
export function storageSource(bytes: Uint8Array, name: string): StorageSource {
  return { bytes, name, copyBytesLeft: COPY_FACTOR * bytes.length };
}

/**
 * A strided window, its elements checked to lie inside the storage.
 * @throws BeitError `checkpoint/bad-tensor`.
 */
export function storedTensor(
  storage: Storage,
  offset: unknown,
  shape: unknown,
  strides: unknown,
  name: string,
): StoredTensor {
  const fail = (reason: string) =>
    new BeitError("checkpoint/bad-tensor", `${name}: a tensor in storage ${show(storage.key)}: ${reason}`);
  if (!isShape(shape)) throw fail(`shape ${show(shape)} is not a list of non-negative integers of an exact product`);
  if (!isIndex(offset)) throw fail(`offset ${show(offset)} is not a non-negative integer`);
  if (!Array.isArray(strides) || strides.length !== shape.length || !strides.every(isIndex)) {
    throw fail(`strides ${show(strides)} are not ${shape.length} non-negative integers`);
  }
  const last = shape.reduce((index, dimension, axis) => index + (dimension - 1) * strides[axis]!, offset);
  if (sizeOf(shape) > 0 && !(last < storage.length)) {
    throw fail(
      `shape ${show(shape)} with strides ${show(strides)} from ${offset} reaches element ${last} of ${storage.length}`,
    );
  }
  return { kind: "tensor", storage, offset, shape, strides };
}

/**
 * The tensor in row-major order: a view of the file where its strides and the alignment allow it, else a copy.
 * @throws BeitError `checkpoint/too-large` when copies would take many times the file's size.
 */
export function materialize({ storage, offset, shape, strides }: StoredTensor, source: StorageSource): Tensor {
  const { dtype } = storage;
  const length = sizeOf(shape);
  const data = elementsOf(storage, source);
  if (length === 0 || isRowMajor(shape, strides)) {
    const start = length === 0 ? 0 : offset;
    return { dtype, shape, data: data.subarray(start, start + length) as DataOf[DType] };
  }
  spend(source, length * bytesOf[dtype]);
  return { dtype, shape, data: gather(data, allocate(dtype, length), offset, shape, strides) };
}

function elementsOf(storage: Storage, source: StorageSource): DataOf[DType] {
  if (storage.data !== undefined) return storage.data;
  const { start, length, dtype } = storage;
  const sizeBytes = length * bytesOf[dtype];
  if (start === undefined || start + sizeBytes > source.bytes.length) {
    throw new BeitError(
      "checkpoint/truncated",
      `${source.name}: storage ${show(storage.key)} of ${sizeBytes} bytes is not in the file`,
    );
  }
  if (!isAligned(source.bytes, start, dtype)) spend(source, sizeBytes);
  storage.data = elementsAt(source.bytes, start, length, dtype);
  return storage.data;
}

function spend(source: StorageSource, sizeBytes: number): void {
  source.copyBytesLeft -= sizeBytes;
  if (source.copyBytesLeft >= 0) return;
  const limit = COPY_FACTOR * source.bytes.length;
  const message = `${source.name}: its tensors would take over ${limit} bytes, ${COPY_FACTOR} times the file's size`;
  throw new BeitError("checkpoint/too-large", `${message}: they repeat the same data; save them with .contiguous()`);
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** out[i] in row-major order = data[offset + Σ index × stride]; `index` counts like an odometer, last axis fastest. */
function gather(
  data: DataOf[DType],
  out: DataOf[DType],
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): DataOf[DType] {
  const index = shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < out.length; i++) {
    out[i] = data[at]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      at -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** Whether a value is a non-negative exact integer. */
export function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

import { bytesOf, type DataOf, type DType, sizeOf, type Tensor } from "../tensor/tensor.ts";

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
} as const satisfies { [T in DType]: unknown };

/** Whether a typed array of `dtype` can lie over `bytes` from `offset` without copying. */
export function isAligned(bytes: Uint8Array, offset: number, dtype: DType): boolean {
  return (bytes.byteOffset + offset) % bytesOf[dtype] === 0;
}

/**
 * `length` little-endian elements of `bytes` from byte `offset`: a view where the alignment allows it, else a copy. The
 * caller has checked that they lie inside. Typed arrays have the host's byte order, little-endian wherever Node runs.
 */
export function elementsAt<T extends DType>(bytes: Uint8Array, offset: number, length: number, dtype: T): DataOf[T] {
  const sizeBytes = length * bytesOf[dtype];
  const part = bytes.subarray(offset, offset + sizeBytes);
  // Not slice(): on a Node Buffer that is a view as well.
  const source = isAligned(bytes, offset, dtype) ? part : new Uint8Array(part);
  return new arrays[dtype](source.buffer as ArrayBuffer, source.byteOffset, length) as DataOf[T];
}

/** The memory of a tensor as bytes, without a copy. */
export function bytesOfTensor(tensor: Tensor): Uint8Array {
  return new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
}

/** A new typed array of `length` zeros in the storage of `dtype`. */
export function allocate<T extends DType>(dtype: T, length: number): DataOf[T] {
  return new arrays[dtype](length) as DataOf[T];
}

/** A row range [start, end) along the first axis of a tensor, as a view. */
export function rows<T extends DType>(tensor: Tensor<T>, start: number, end: number): Tensor<T> {
  const [, ...rest] = tensor.shape;
  const width = sizeOf(rest);
  return {
    dtype: tensor.dtype,
    shape: [end - start, ...rest],
    data: tensor.data.subarray(start * width, end * width) as DataOf[T],
  };
}

const MOST_AXES = 32; // NumPy's limit for long; the work of a strided copy grows with them

/** Whether a value is a shape: an array of non-negative integers whose product is an exact integer as well. */
export function isShape(value: unknown): value is number[] {
  if (!Array.isArray(value) || value.length > MOST_AXES) return false;
  let product = 1;
  for (const dimension of value) {
    if (!Number.isSafeInteger(dimension) || dimension < 0) return false;
    product *= dimension;
    if (!Number.isSafeInteger(product)) return false;
  }
  return true;
}

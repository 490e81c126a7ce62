/** Element types of host tensors, named as ONNX and safetensors users know them. */
export type DType = "float32" | "float64" | "float16" | "bfloat16" | "int64" | "int32" | "uint8" | "int8" | "bool";

/** Storage of each dtype; half-precision formats are kept as raw 16-bit words. */
export interface DataOf {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  bfloat16: Uint16Array;
  int64: BigInt64Array;
  int32: Int32Array;
  uint8: Uint8Array;
  int8: Int8Array;
  bool: Uint8Array;
}

/** A dense row-major array on the host: `data.length` equals the product of `shape`. */
export interface Tensor<T extends DType = DType> {
  readonly dtype: T;
  readonly shape: readonly number[];
  readonly data: DataOf[T];
}

/** Bytes of one element. */
export const bytesOf: Record<DType, number> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  uint8: 1,
  int8: 1,
  bool: 1,
};

/** Number of elements of a shape; 1 for a scalar (`[]`). */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/**
 * A float32 tensor over existing data.
 * @throws RangeError when the data length does not match the shape.
 */
export function float32(data: Float32Array | readonly number[], shape: readonly number[]): Tensor<"float32"> {
  const array = data instanceof Float32Array ? data : Float32Array.from(data);
  if (array.length !== sizeOf(shape)) {
    throw new RangeError(`float32: shape [${shape}] needs ${sizeOf(shape)} elements, got ${array.length}`);
  }
  return { dtype: "float32", shape, data: array };
}

/** An int64 tensor from ordinary integers. */
export function int64(data: readonly number[] | Int32Array, shape: readonly number[]): Tensor<"int64"> {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`int64: shape [${shape}] needs ${sizeOf(shape)} elements, got ${data.length}`);
  }
  const words = new Int32Array(2 * data.length); // a low and a high word each: a BigInt a number takes ten times as long
  for (let i = 0; i < data.length; i++) {
    words[2 * i] = data[i]!;
    words[2 * i + 1] = Math.floor(data[i]! / 2 ** 32);
  }
  return { dtype: "int64", shape, data: new BigInt64Array(words.buffer) };
}

/** A float32 tensor of zeros. */
export function zeros(shape: readonly number[]): Tensor<"float32"> {
  return { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)) };
}

/** True when both shapes have the same dimensions. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

/** Lists of numbers in lists. */
export type Nested = readonly (number | Nested)[];

/** Values as the nested lists that a shape of one axis or more says. */
export function nested(
  values: Float32Array,
  [count = 0, ...rest]: readonly number[],
  each = (value: number): number => value,
): Nested {
  if (rest.length === 0) return Array.from(values, each);
  const size = values.length / count;
  return Array.from({ length: count }, (_, i) => nested(values.subarray(i * size, (i + 1) * size), rest, each));
}

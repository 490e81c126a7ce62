import type { Tensor } from "./tensor.ts";

/** A matrix as signed bytes: value ≈ bytes[i, j] · scales[j]. */
export interface QuantizedColumns {
  readonly bytes: Tensor<"int8">;
  readonly scales: Tensor<"float32">;
}

/**
 * The largest byte of a weight. AVX2 without VNNI adds two products of a byte 0…255 and a signed one in 16 bits, where
 * 2 · 255 · 64 = 32,640 still fits and 2 · 255 · 127 does not: weights of 7 bits give the same sums on every processor.
 */
export const LARGEST_WEIGHT = 64;

/**
 * A matrix with one scale a column, the largest magnitude of which becomes ±{@link LARGEST_WEIGHT}.
 * @param transposed whether the columns are the rows of `matrix`, which is then [columns, rows]
 */
export function quantizeColumns(matrix: Tensor<"float32">, transposed = false): QuantizedColumns {
  const [first, second] = matrix.shape as [number, number];
  const [rows, columns] = transposed ? [second, first] : [first, second];
  const [down, across] = transposed ? [1, rows] : [columns, 1];
  const bytes = new Int8Array(rows * columns);
  const scales = new Float32Array(columns);
  for (let j = 0; j < columns; j++) {
    let largest = 0;
    for (let i = 0; i < rows; i++) largest = Math.max(largest, Math.abs(matrix.data[i * down + j * across]!));
    scales[j] = largest > 0 ? largest / LARGEST_WEIGHT : 1;
    for (let i = 0; i < rows; i++) {
      bytes[i * columns + j] = Math.round(matrix.data[i * down + j * across]! / scales[j]!);
    }
  }
  return {
    bytes: { dtype: "int8", shape: [rows, columns], data: bytes },
    scales: { dtype: "float32", shape: [columns], data: scales },
  };
}

/** Values that 256 bytes stand for. */
export interface ByteRange {
  readonly scale: number;
  readonly zero: number;
}

/** Scale and zero point with which bytes reach from `low` to `high` and hit 0 exactly. */
export function byteRange(low: number, high: number): ByteRange {
  const [least, most] = [Math.min(low, 0), Math.max(high, 0)];
  if (least === most) return { scale: 1, zero: 0 };
  return { scale: Math.fround((most - least) / 255), zero: Math.round((255 * (0 - least)) / (most - least)) };
}

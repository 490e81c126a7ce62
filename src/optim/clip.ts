/** Sum of squares, in float64; NaN or infinite exactly when one of them is. */
export function sumOfSquares(data: Float32Array): number {
  let even = 0;
  let odd = 0; // two sums: additions need not wait for each other
  let i = 0;
  for (; i + 1 < data.length; i += 2) {
    even += data[i]! * data[i]!;
    odd += data[i + 1]! * data[i + 1]!;
  }
  return i < data.length ? even + odd + data[i]! * data[i]! : even + odd;
}

/** Euclidean norm of all gradients taken as one vector, from each one's {@link sumOfSquares}. */
export function globalNorm(squares: Iterable<number>): number {
  let sum = 0;
  for (const square of squares) sum += square;
  return Math.sqrt(sum);
}

/**
 * What gradients of this norm must be multiplied with so that the norm is at most `maxNorm`; 1 when it already is.
 * A norm that is not finite gives NaN or 0: look at it first.
 * @see torch.nn.utils.clip_grad_norm_, whose 1e-6 under the division is kept
 */
export function clipCoefficient(norm: number, maxNorm: number): number {
  return Math.min(1, maxNorm / (norm + 1e-6));
}

/** Name of the first tensor with a NaN or an infinity, or undefined when all are finite. */
export function firstNonFinite(tensors: ReadonlyMap<string, { readonly data: Float32Array }>): string | undefined {
  for (const [name, { data }] of tensors) {
    if (!Number.isFinite(sumOfSquares(data))) return name;
  }
  return undefined;
}

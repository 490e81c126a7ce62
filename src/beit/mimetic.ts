import type { Random } from "../tensor/random.ts";
import { dot, symmetricEigen } from "./eigen.ts";

/** Strengths of noise (alpha) and of the identity (beta) in both products of mimetic initialisation. */
export interface MimeticOptions {
  /** Noise in W_query W_key^T; 0.7 by default. */
  readonly alphaQueryKey?: number;
  /** Identity in W_query W_key^T; 0.7 by default. */
  readonly betaQueryKey?: number;
  /** Noise in W_value W_output; 0.4 by default. */
  readonly alphaValueOutput?: number;
  /** Identity taken off W_value W_output; 0.4 by default. */
  readonly betaValueOutput?: number;
  /**
   * Initial lambda_1; 1 by default, because the paper's models have no layer scale and one of 0.1 would shrink
   * W_value W_output tenfold. lambda_2 keeps the configuration's.
   */
  readonly attentionLayerScale?: number;
}

/** Weights of one attention layer, each [D, D] row-major as Hugging Face stores them: [out, in]. */
export interface AttentionWeights {
  readonly query: Float32Array;
  readonly key: Float32Array;
  readonly value: Float32Array;
  readonly output: Float32Array;
}

/** alpha Z + beta I with Z of independent N(0, 1 / width). */
function noisyIdentity(width: number, alpha: number, beta: number, random: Random): Float64Array[] {
  const std = alpha / Math.sqrt(width);
  return Array.from({ length: width }, (_, i) => {
    const row = Float64Array.from({ length: width }, () => std * random.normal());
    row[i]! += beta;
    return row;
  });
}

/** The symmetric A^T A. */
function gram(a: readonly Float64Array[]): Float64Array[] {
  const n = a.length;
  const out = Array.from({ length: n }, () => new Float64Array(n));
  for (const row of a) {
    for (let i = 0; i < n; i++) {
      const [target, factor] = [out[i]!, row[i]!];
      for (let j = 0; j <= i; j++) target[j]! += factor * row[j]!;
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) out[j]![i] = out[i]![j]!;
  return out;
}

/**
 * The factors of A = U S V^T of the given rank: columns of U S^(1/2) and of V S^(1/2), largest singular value first.
 *
 * V and S² are the eigenvectors and eigenvalues of A^T A, and U S^(1/2) = A V S^(-1/2). Whatever the rounding of S, the
 * product of both factors is A V V^T: A itself at full rank.
 */
function halves(a: readonly Float64Array[], rank: number): { left: Float64Array[]; right: Float64Array[] } {
  const { values, vectors } = symmetricEigen(gram(a), rank);
  const scale = vectors.map((_, j) => Math.max(values[j]!, values[0]! * 2 ** -52) ** 0.25); // sqrt of singular value
  const left = vectors.map((v, j) => Float64Array.from(a, (row) => dot(row, v) / scale[j]!));
  const right = vectors.map((v, j) => v.map((x) => x * scale[j]!));
  return { left, right };
}

/**
 * Weights with W_query W_key^T ≈ alpha Z + beta I in each head, as near as rank d = D / heads allows, and W_value W_output =
 * alpha Z - beta I over all heads together (here W_x takes row vectors: the transpose of what is stored). In these
 * products scores are not yet divided by sqrt(d).
 *
 * Costs (heads + 1) eigenproblems of size D: about 0.1 s each at D = 192, some seconds at 768.
 * @see Trockman & Kolter 2023, "Mimetic initialization of self-attention layers". The authors add sinusoidal
 * position embeddings, which a model with relative positions only does not have.
 */
export function mimeticAttention(
  width: number,
  numHeads: number,
  random: Random,
  options: MimeticOptions = {},
): AttentionWeights {
  const { alphaQueryKey = 0.7, betaQueryKey = 0.7, alphaValueOutput = 0.4, betaValueOutput = 0.4 } = options;
  const [query, key, value, output] = Array.from({ length: 4 }, () => new Float32Array(width * width));
  const headWidth = width / numHeads;
  for (let head = 0; head < numHeads; head++) {
    const { left, right } = halves(noisyIdentity(width, alphaQueryKey, betaQueryKey, random), headWidth);
    for (let j = 0; j < headWidth; j++) {
      query!.set(left[j]!, (head * headWidth + j) * width);
      key!.set(right[j]!, (head * headWidth + j) * width);
    }
  }
  const { left, right } = halves(noisyIdentity(width, alphaValueOutput, -betaValueOutput, random), width);
  for (let j = 0; j < width; j++) {
    value!.set(left[j]!, j * width);
    for (let i = 0; i < width; i++) output![i * width + j] = right[j]![i]!;
  }
  return { query: query!, key: key!, value: value!, output: output! };
}

import { add, div, mul, sqrt } from "../graph/elementwise.ts";
import { matMul, matrixTranspose } from "../graph/matmul.ts";
import { reduceSum } from "../graph/reduce.ts";
import { scalar, type Value } from "../graph/value.ts";

/*
 * Muon moves a weight matrix by its momentum with every singular value set to about 1: all directions of the matrix learn
 * at one pace, where AdamW's steps are ruled by a few. The nearest such matrix is found without a decomposition, by
 * iterating an odd polynomial p(x) = ax + bx³ + cx⁵ on the singular values:
 *   X ← aX + (bA + cA²)X  with  A = X Xᵀ.
 * Its coefficients make p(x) grow steeply at 0; it does not converge, but leaves singular values between 0.7 and 1.2.
 */
const [a, b, c] = [3.4445, -4.775, 2.0315] as const; // Jordan 2024
const ITERATIONS = 5; // Jordan 2024: enough for singular values down to 1/1000 of the norm

/**
 * Matrices [n, r, c] with the singular vectors of x and singular values near 1.
 * @see Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks", zeropower_via_newtonschulz5
 */
export function orthogonalize(x: Value): Value {
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const norm = sqrt(reduceSum(mul(x, x), [-2, -1], true));
  let y = div(x, add(norm, scalar(1e-7)));
  for (let i = 0; i < ITERATIONS; i++) {
    const wide = rows <= columns; // A on the short side
    const gram = wide ? matMul(y, matrixTranspose(y)) : matMul(matrixTranspose(y), y);
    const polynomial = add(mul(gram, scalar(b)), matMul(mul(gram, scalar(c)), gram));
    y = add(mul(y, scalar(a)), wide ? matMul(polynomial, y) : matMul(y, polynomial));
  }
  return y;
}

/** Whether Muon moves a parameter: the weight matrices of the blocks. All others are AdamW's, as Jordan advises. */
export const movedByMuon = (name: string, shape: readonly number[]): boolean =>
  shape.length === 2 && /(^|\.)encoder\.layer\.\d+\..*\.weight$/.test(name);

/** The scalars of one Muon step. */
export interface MuonOptions {
  /** Learning rate of this step, on AdamW's scale. */
  readonly lr: number;
  /** Decoupled decay. */
  readonly weightDecay: number;
}

/** Decay of the momentum of gradients. */
export const MOMENTUM = 0.95; // Jordan 2024

/**
 * Adds a gradient to its momentum in place and writes what is to be orthogonalised, momentum looked ahead by one step
 * (Nesterov), into `ahead`.
 * @param gradScale what the gradient is multiplied with on the way in
 */
export function accumulateMomentum(
  gradient: Float32Array,
  momentum: Float32Array,
  ahead: Float32Array,
  gradScale: number,
): void {
  const fresh = 1 - MOMENTUM;
  for (let i = 0; i < gradient.length; i++) {
    const g = gradient[i]! * gradScale;
    const m = MOMENTUM * momentum[i]! + fresh * g;
    momentum[i] = m;
    ahead[i] = MOMENTUM * m + fresh * g;
  }
}

/**
 * Moves a parameter [r, c] along its direction. An orthogonal matrix has elements of root mean square 1/√max(r, c);
 * times 0.2·√max(r, c) they are as large as AdamW's steps usually are, so that both share one learning rate.
 * @see Liu et al. 2025, "Muon is scalable for LLM training", section 2.2
 */
export function muonStep(
  parameter: Float32Array,
  direction: Float32Array,
  shape: readonly number[],
  { lr, weightDecay }: MuonOptions,
): void {
  const size = lr * 0.2 * Math.sqrt(Math.max(...shape));
  const keep = 1 - lr * weightDecay;
  for (let i = 0; i < parameter.length; i++) parameter[i] = parameter[i]! * keep - size * direction[i]!;
}

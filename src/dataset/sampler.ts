import { random } from "../tensor/random.ts";
import type { Sample } from "./sample.ts";

/** What decides the order of one epoch. */
export interface EpochOptions {
  /** Number of samples. */
  length: number;
  /** From 0. */
  epoch: number;
  seed: number;
  /** One per sample, not negative, any sum; without them every sample comes once. */
  weights?: ArrayLike<number>;
  /** Whether a sample may come more than once. Default: true with weights, false without. */
  replacement?: boolean;
  /** Draws in the epoch. Default: `length`. */
  count?: number;
}

/** Consecutive samples of one epoch. */
export interface BatchPlan {
  epoch: number;
  /** Position in the epoch of the first. */
  first: number;
  /** Indices of the samples. */
  indices: Int32Array;
}

/**
 * The sample indices of one epoch in their order: a pure function of its arguments. Draws with replacement are systematic
 * (Carpenter et al. 1999): a sample of expected count n comes ⌊n⌋ or ⌈n⌉ times, where independent draws would leave out
 * 37 % of equally weighted samples. Draws without replacement follow Efraimidis and Spirakis (2006): the largest
 * u^(1/weight) first.
 * @throws RangeError for weights that do not fit, or more draws than samples without replacement.
 */
export function epochOrder(options: EpochOptions): Int32Array {
  const { length, epoch, seed, weights, count = length } = options;
  const replacement = options.replacement ?? weights !== undefined;
  if (weights) requireWeights(weights, length);
  if (!replacement && count > length)
    throw new RangeError(`epochOrder: ${count} draws without replacement from ${length} samples`);
  if (length === 0 || count === 0) return new Int32Array(0);
  if (replacement)
    return shuffled(systematic(weights ?? new Float64Array(length).fill(1), count, seed, epoch), seed, epoch);
  const all = Int32Array.from({ length }, (_, i) => i);
  return (weights ? byWeight(all, weights, seed, epoch) : shuffled(all, seed, epoch)).subarray(0, count);
}

function requireWeights(weights: ArrayLike<number>, length: number): void {
  if (weights.length !== length) throw new RangeError(`epochOrder: ${weights.length} weights for ${length} samples`);
  let sum = 0;
  for (let i = 0; i < length; i++) sum += weights[i]! >= 0 ? weights[i]! : Number.NaN;
  if (!(sum > 0 && sum < Number.POSITIVE_INFINITY)) {
    throw new RangeError("epochOrder: weights must be finite, not negative, and not all 0");
  }
}

function shuffled(indices: Int32Array, seed: number, epoch: number): Int32Array {
  const stream = random(seed, epoch, "order");
  for (let i = indices.length - 1; i > 0; i--) {
    const j = stream.integer(i + 1);
    const kept = indices[i]!;
    indices[i] = indices[j]!;
    indices[j] = kept;
  }
  return indices;
}

/** `count` equidistant points with one random offset on the cumulated weights, these in random order. */
function systematic(weights: ArrayLike<number>, count: number, seed: number, epoch: number): Int32Array {
  const order = shuffled(
    Int32Array.from({ length: weights.length }, (_, i) => i),
    seed,
    epoch,
  );
  const step = Array.from(weights).reduce((a, b) => a + b, 0) / count;
  const drawn = new Int32Array(count);
  let point = random(seed, epoch, "draw").uniform() * step;
  let sum = 0;
  let n = 0;
  for (const index of order) {
    sum += weights[index]!;
    for (; n < count && point < sum; n++, point += step) drawn[n] = index;
  }
  // Rounding may leave the last point beyond the sum: it belongs to the last sample with a weight.
  const last = order.findLast((index) => weights[index]! > 0)!;
  return drawn.fill(last, n);
}

function byWeight(indices: Int32Array, weights: ArrayLike<number>, seed: number, epoch: number): Int32Array {
  const stream = random(seed, epoch, "draw");
  const key = (weight: number) => (weight > 0 ? Math.log(1 - stream.uniform()) / weight : Number.NEGATIVE_INFINITY);
  const keys = Float64Array.from(indices, (i) => key(weights[i]!));
  return indices.sort((a, b) => (keys[b]! > keys[a]! ? 1 : keys[b]! < keys[a]! ? -1 : a - b));
}

/**
 * One weight per sample, summing to 1, so that every combination of the given properties that occurs is drawn equally
 * often. A cell of n samples gets a share proportional to n^(1 − temper).
 * @param by `"label"` and names of attributes, e.g. `["label", "source"]`
 * @param temper 1 equal shares (default), 0 as the samples are, between: a compromise
 */
export function balanceWeights(
  samples: readonly Pick<Sample, "label" | "attributes">[],
  by: readonly string[],
  temper = 1,
): Float64Array {
  const cells = samples.map((sample) => JSON.stringify(by.map((key) => property(sample, key))));
  const counts = new Map<string, number>();
  for (const cell of cells) counts.set(cell, (counts.get(cell) ?? 0) + 1);
  const weights = Float64Array.from(cells, (cell) => counts.get(cell)! ** -temper);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

function property(sample: Pick<Sample, "label" | "attributes">, key: string): string | number {
  return key === "label" ? sample.label : (sample.attributes[key] ?? "");
}

/**
 * Cuts an epoch's order into batches; `from` resumes at that batch and gives exactly the batches that were left.
 * @param options.dropLast leave out a last batch that is not full
 */
export function planBatches(
  order: Int32Array,
  options: { batchSize: number; epoch: number; dropLast?: boolean; from?: number },
): BatchPlan[] {
  const { batchSize, epoch, dropLast = false, from = 0 } = options;
  if (!(Number.isInteger(batchSize) && batchSize > 0))
    throw new RangeError(`planBatches: batch size ${batchSize} is not a positive integer`);
  const batches = dropLast ? Math.floor(order.length / batchSize) : Math.ceil(order.length / batchSize);
  const firsts = Array.from({ length: Math.max(batches - from, 0) }, (_, i) => (from + i) * batchSize);
  return firsts.map((first) => ({ epoch, first, indices: order.subarray(first, first + batchSize) }));
}

import { gradients } from "../../src/graph/gradient.ts";
import { input, inputName, isInput, type Value } from "../../src/graph/value.ts";
import { nodesOf } from "../../src/graph/walk.ts";
import { evaluate } from "../../src/session/session.ts";
import { random } from "../../src/tensor/random.ts";
import { sizeOf, type Tensor } from "../../src/tensor/tensor.ts";
import { type Dense, interpret } from "./reference.ts";

type Outputs = Readonly<Record<string, Value>>;
type Feeds = Readonly<Record<string, Tensor>>;

const ONE = { threads: 1 }; // graphs this small gain nothing from a second thread

/** Values of a named float32 input: uniform in [low, high), reproducible. */
export function uniform(name: string, shape: readonly number[], low = -1, high = 1): Tensor<"float32"> {
  const stream = random(name, ...shape);
  return {
    dtype: "float32",
    shape,
    data: Float32Array.from({ length: sizeOf(shape) }, () => stream.uniform(low, high)),
  };
}

const inputsOf = (outputs: Outputs): Value[] =>
  nodesOf(Object.values(outputs)).flatMap(({ outputs: [v] }) => (isInput(v!) ? [v!] : []));

/** Uniform values for every float32 input of a graph that `given` does not name. */
export function feedsFor(outputs: Outputs, given: Feeds = {}): Record<string, Tensor> {
  const named = inputsOf(outputs).map((value) => [inputName(value), value.shape] as const);
  return Object.fromEntries(named.map(([name, shape]) => [name, given[name] ?? uniform(name, shape)]));
}

/** Worst difference relative to the largest expected number (or 1 when all are smaller). */
export function worstError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let worst = 0;
  let largest = 1;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
    worst = Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(expected[i]!));
  }
  return worst / largest;
}

/** Worst relative error between two graphs of the same outputs, both run by onnxruntime on the same values. */
export async function disagreement(before: Outputs, after: Outputs, given: Feeds = {}): Promise<number> {
  const feeds = feedsFor(before, given);
  const [expected, actual] = [await evaluate(before, feeds, ONE), await evaluate(after, feeds, ONE)];
  const errors = Object.entries(expected).map(([name, { shape, data }]) => {
    const other = actual[name];
    if (other?.shape.join() !== shape.join()) throw new RangeError(`${name}: [${shape}] became [${other?.shape}]`);
    return worstError(other.data as Float32Array, data as Float32Array);
  });
  return Math.max(...errors);
}

const floatInputs = (y: Value) => inputsOf({ y }).filter(({ dtype }) => dtype === "float32");

/** A value and, by `grad.NAME`, the gradients of Σ seed · value by its float32 inputs; `seed` is an input too. */
export function withGradients(value: Value): Record<string, Value> {
  const targets = floatInputs(value);
  const found = gradients([{ value, seed: input("seed", value.shape, "batch") }], targets);
  const named = targets.flatMap((target, i) => (found[i] ? [[`grad.${inputName(target)}`, found[i]] as const] : []));
  return { value, ...Object.fromEntries(named) };
}

const dense = ({ shape, data }: Tensor): Dense => ({ shape, data: Float64Array.from(data as Float32Array, Number) });
const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, v, i) => sum + v * b[i]!, 0);

/** Central differences of Σ seed · y by every element of one input, in float64. */
function differences(y: Value, feeds: Readonly<Record<string, Dense>>, name: string, seed: Float64Array): Float64Array {
  const step = 1e-5; // truncation h² ~ 1e-10, cancellation 1e-16 / h ~ 1e-11
  const { shape, data } = feeds[name]!;
  const moved = (i: number, by: number) => {
    const shifted = data.slice();
    shifted[i]! += by;
    return dot(interpret([y], { ...feeds, [name]: { shape, data: shifted } })[0]!.data, seed);
  };
  return data.map((_, i) => (moved(i, step) - moved(i, -step)) / (2 * step));
}

/** What {@link checkGradient} found. */
export interface GradientReport {
  /** Worst relative error of the value that onnxruntime computes. */
  readonly value: number;
  /** Worst relative error of each gradient that onnxruntime computes; a missing gradient counts as zeros. */
  readonly gradients: Readonly<Record<string, number>>;
}

/**
 * Compares y and the gradient of Σ seed · y, as the graph defines it and onnxruntime computes it in float32, with the
 * float64 interpreter and its central differences. The differences are taken in float64, where they are good to 1e-9,
 * so what remains is onnxruntime's float32 rounding: an error of the rule shows as 1e-2 or more.
 */
export async function checkGradient(
  y: Value,
  given: Feeds,
  options: { readonly valueOnly?: boolean } = {},
): Promise<GradientReport> {
  const feeds = feedsFor({ y }, given);
  const seed = uniform("seed", y.shape);
  const actual = await evaluate(options.valueOnly ? { value: y } : withGradients(y), { ...feeds, seed }, ONE);
  const exact = Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, dense(tensor)]));
  const report: Record<string, number> = {};
  for (const target of options.valueOnly ? [] : floatInputs(y)) {
    const name = inputName(target);
    const expected = differences(y, exact, name, dense(seed).data);
    const got = actual[`grad.${name}`]?.data ?? new Float32Array(expected.length);
    report[name] = worstError(got as Float32Array, expected);
  }
  return { value: worstError(actual.value!.data as Float32Array, interpret([y], exact)[0]!.data), gradients: report };
}

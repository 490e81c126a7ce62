import { add } from "./elementwise.ts";
import { centreWeights, fold } from "./fold.ts";
import { fuseGelu } from "./gelu.ts";
import { gradients } from "./gradient.ts";
import { lower } from "./lower.ts";
import type { Outputs } from "./rewrite.ts";
import { splitByBatch } from "./split.ts";
import { input, inputName, isInput, type Shape, scalar, type Value } from "./value.ts";
import { dependents, nodesOf } from "./walk.ts";

/**
 * One training step as three graphs. Folding and transposing weights, gathering the position bias and their gradients
 * do not depend on the batch, so they run once per step; only `micro` runs for every micro-batch.
 */
export interface TrainingGraphs {
  /** Parameters → the prepared values that are computed; the others are parameters themselves, under their own names. */
  readonly prepare: Readonly<Record<string, Value>>;
  /** Prepared values, batch and running sums `sum.NAME` → the traced outputs and `new_sum.NAME`. */
  readonly micro: Readonly<Record<string, Value>>;
  /** Parameters and sums → `grad.NAME` of every trainable parameter that the loss depends on. */
  readonly finish: Readonly<Record<string, Value>>;
  /** Shapes of the prepared values, in order. */
  readonly prepared: ReadonlyMap<string, Shape>;
  /** The prepared values that need gradients. */
  readonly summed: readonly string[];
}

/** Name of the running sum of gradients of a prepared value, as an input of `micro` and of `finish`. */
export const sumName = (name: string): string => `sum.${name}`;

/** Name of that sum after a micro-batch, as an output of `micro`; it may be written over the input. */
export const newSumName = (name: string): string => `new_sum.${name}`;

/** Switches for tests and measurements. */
export interface TrainingOptions {
  /** Leave the folding passes out. */
  readonly fold?: boolean;
}

/**
 * Splits `outputs.loss` and its gradients into the graphs of a step.
 * @param outputs what a micro-batch gives: `loss` (a mean over it) and anything else to report
 * @param trainable parameters by name
 */
export function trainingGraphs(
  outputs: Outputs & { readonly loss: Value },
  trainable: ReadonlyMap<string, Value>,
  options: TrainingOptions = {},
): TrainingGraphs {
  const folded = options.fold === false ? { ...outputs } : centreWeights(fold(outputs));
  const { prepared, outputs: forward, inputs } = splitByBatch(folded);
  const names = Object.keys(prepared);
  const trained = new Set([...trainable.values()].map(inputName));
  const reached = dependents(Object.values(prepared), ({ outputs: [v] }) => isInput(v!) && trained.has(inputName(v!)));
  const needed = names.filter((name) => reached.has(prepared[name]!.node));
  const found = gradients(
    [{ value: forward.loss!, seed: scalar(1) }],
    needed.map((name) => inputs[name]!),
  );
  const sums: Record<string, Value> = {};
  for (const [i, name] of needed.entries()) {
    const gradient = found[i];
    if (gradient) sums[name] = add(input(sumName(name), gradient.shape, "batch"), gradient);
  }
  const summed = Object.keys(sums);
  const micro = lower({ ...forward, ...Object.fromEntries(summed.map((name) => [newSumName(name), sums[name]!])) });
  return {
    prepare: lower(computed(prepared)),
    micro,
    finish: lower(finishGraph(prepared, summed, trained)),
    prepared: new Map(names.map((name) => [name, inputs[name]!.shape])),
    summed,
  };
}

/** Without the parameters that are used as they are. */
const computed = (prepared: Outputs): Record<string, Value> =>
  Object.fromEntries(Object.entries(prepared).filter(([, value]) => !isInput(value)));

/** The chain rule from the prepared values back to the parameters. */
function finishGraph(
  prepared: Outputs,
  summed: readonly string[],
  trained: ReadonlySet<string>,
): Record<string, Value> {
  const seeds = summed.map((name) => ({
    value: prepared[name]!,
    seed: input(sumName(name), prepared[name]!.shape, "parameter"),
  }));
  const parameters = new Map<string, Value>();
  for (const { outputs } of nodesOf(seeds.map(({ value }) => value))) {
    if (isInput(outputs[0]!) && trained.has(inputName(outputs[0]!)))
      parameters.set(inputName(outputs[0]!), outputs[0]!);
  }
  const found = gradients(seeds, [...parameters.values()]);
  return Object.fromEntries(
    [...parameters.keys()].flatMap((name, i) => (found[i] ? [[`grad.${name}`, found[i]] as const] : [])),
  );
}

/**
 * A graph for inference: folded and lowered; what depends on parameters alone is `prepare`, to be run once. `portable`
 * keeps to ONNX's standard operators.
 */
export function inferenceGraphs(
  outputs: Outputs,
  options: { readonly portable?: boolean } = {},
): { prepare: Record<string, Value>; forward: Record<string, Value> } {
  const { prepared, outputs: forward } = splitByBatch(fold(options.portable ? outputs : fuseGelu(outputs)));
  return { prepare: lower(computed(prepared)), forward: lower(forward, options.portable ? ["fuseTransposes"] : []) };
}

import { batchDependence } from "./dependence.ts";
import { transpose } from "./layout.ts";
import { type Outputs, rewrite } from "./rewrite.ts";
import { applyAll, input, inputName, isInput, type Value } from "./value.ts";
import { dependents } from "./walk.ts";

/** A graph cut where values that do not depend on the batch enter the part that does. */
export interface SplitGraph {
  /** What is computed once per step from the parameters, by name. */
  readonly prepared: Record<string, Value>;
  /** The part that runs for every micro-batch; its inputs are the batch and `prepared` by name. */
  readonly outputs: Record<string, Value>;
  /** The inputs of `outputs` that stand for `prepared`, by the same names. */
  readonly inputs: Record<string, Value>;
}

/**
 * A weight [in, out] with in > out is cut before its transposition: the product reads it transposed at no cost, and its
 * gradient is then computed with the narrow operand transposed, which is the fast way round (docs/log.md).
 */
function cutPoint(value: Value): { cut: Value; after: (value: Value) => Value } {
  const wide = value.node.op.type === "Transpose" && value.shape.length === 2 && value.shape[0]! > value.shape[1]!;
  if (!wide) return { cut: value, after: (v) => v };
  return { cut: value.node.inputs[0]!, after: (v) => transpose(v, [1, 0]) };
}

/** Cuts a graph by dependence on the batch. Parameters used as they are keep their names. */
export function splitByBatch(outputs: Outputs): SplitGraph {
  const isBatch = batchDependence();
  const prepared: Record<string, Value> = {};
  const inputs: Record<string, Value> = {};
  const names = new Map<Value, string>();
  const replacement = (value: Value): Value => {
    const { cut, after } = cutPoint(value);
    let name = names.get(cut);
    if (name === undefined) {
      name = isInput(cut) ? inputName(cut) : `prepared.${names.size}`;
      names.set(cut, name);
      prepared[name] = cut;
      inputs[name] = input(name, cut.shape, "parameter", cut.dtype);
    }
    return after(inputs[name]!);
  };
  const fromInputs = dependents(Object.values(outputs), (node) => isInput(node.outputs[0]!));
  // What is computed from constants alone needs no parameters and may stay where it is.
  const crosses = (value: Value) => !isBatch(value) && fromInputs.has(value.node);
  const rewritten = rewrite(outputs, (node, original) => {
    if (!isBatch(original.outputs[0]!)) return undefined;
    if (!original.inputs.some(crosses)) return undefined;
    const operands = original.inputs.map((value, i) => (crosses(value) ? replacement(value) : node.inputs[i]!));
    return applyAll(node.op, operands, node.attributes)[0];
  });
  const finished = Object.entries(rewritten).map(([name, value]) => {
    const original = outputs[name]!;
    return [name, crosses(original) ? replacement(original) : value] as const; // an output may come from parameters alone
  });
  return { prepared, outputs: Object.fromEntries(finished), inputs };
}

import { add } from "./elementwise.ts";
import { sameDims } from "./shape.ts";
import type { Value } from "./value.ts";
import { dependents, nodesOf } from "./walk.ts";

/**
 * Reverse-mode differentiation: gradients of Σ ⟨outputᵢ, seedᵢ⟩ with respect to the targets. Only nodes on a path from
 * a target to an output are walked; a target may itself depend on another.
 * @returns one gradient per target, undefined where the outputs do not depend on it
 * @throws TypeError when an op on such a path has no gradient rule
 */
export function gradients(
  outputs: readonly { value: Value; seed: Value }[],
  targets: readonly Value[],
): (Value | undefined)[] {
  const roots = outputs.map(({ value }) => value);
  const sources = new Set(targets.map((target) => target.node));
  const onPath = dependents(roots, (node) => sources.has(node));
  const found = new Map<Value, Value>();
  const accumulate = (value: Value, gradient: Value) => {
    if (!sameDims(value.shape, gradient.shape)) {
      throw new RangeError(`gradient of ${value.node.op.type} [${value.shape}] came as [${gradient.shape}]`);
    }
    const before = found.get(value);
    found.set(value, before ? add(before, gradient) : gradient);
  };
  for (const { value, seed } of outputs) if (onPath.has(value.node)) accumulate(value, seed);
  for (const node of nodesOf(roots).reverse()) {
    const [first, ...others] = node.outputs;
    if (!node.inputs.some((operand) => onPath.has(operand.node))) continue;
    if (others.some((other) => found.has(other))) throw new TypeError(`${node.op.type}: only output 0 has a gradient`);
    const gradient = found.get(first!);
    if (!gradient) continue;
    if (typeof node.op.gradient === "string") throw new TypeError(`${node.op.type}: no gradient: ${node.op.gradient}`);
    for (const [i, g] of node.op.gradient(gradient, node).entries()) {
      const operand = node.inputs[i]!;
      if (g && onPath.has(operand.node)) accumulate(operand, g);
    }
  }
  return targets.map((target) => found.get(target));
}

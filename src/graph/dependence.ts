import { isInput, type Node, type Value } from "./value.ts";

/**
 * Tells whether a value depends on the batch. What does not (parameters, constants and all that is computed from them)
 * keeps its value within a training step.
 */
export function batchDependence(): (value: Value) => boolean {
  const known = new Map<Node, boolean>();
  const visit = (node: Node): boolean => {
    const before = known.get(node);
    if (before !== undefined) return before;
    const first = node.outputs[0]!;
    const depends = isInput(first) ? first.node.attributes.kind === "batch" : node.inputs.some((value) => visit(value.node));
    known.set(node, depends);
    return depends;
  };
  return (value) => visit(value.node);
}

import { isInput, type Node, type Value } from "./value.ts";

/**
 * Tells whether a value depends on the batch. What does not (parameters, constants and all that is computed from them)
 * keeps its value within a training step. Iterative: graphs are thousands of nodes deep.
 */
export function batchDependence(): (value: Value) => boolean {
  const known = new Map<Node, boolean>();
  const decide = (node: Node): boolean => {
    const first = node.outputs[0]!;
    if (isInput(first)) return node.attributes.kind === "batch";
    return node.inputs.some((value) => known.get(value.node));
  };
  return ({ node: asked }) => {
    const stack = [asked];
    while (stack.length) {
      const node = stack.at(-1)!;
      const open = known.has(node) ? [] : node.inputs.filter((value) => !known.has(value.node));
      for (const value of open) stack.push(value.node);
      if (open.length) continue;
      if (!known.has(node)) known.set(node, decide(node));
      stack.pop();
    }
    return known.get(asked)!;
  };
}

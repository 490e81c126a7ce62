import type { Node, Value } from "./value.ts";

/** All nodes that the outputs need, inputs before consumers. Iterative: graphs are thousands of nodes deep. */
export function nodesOf(outputs: Iterable<Value>): Node[] {
  const order: Node[] = [];
  const state = new Map<Node, "open" | "done">();
  for (const { node } of outputs) {
    const stack: Node[] = [node];
    while (stack.length) {
      const top = stack.at(-1)!;
      if (state.get(top) !== undefined) {
        stack.pop();
        if (state.get(top) === "open") order.push(top);
        state.set(top, "done");
        continue;
      }
      state.set(top, "open");
      for (let i = top.inputs.length - 1; i >= 0; i--) {
        const before = top.inputs[i]!.node;
        if (!state.has(before)) stack.push(before);
      }
    }
  }
  return order;
}

/** For every node the values that pass says `true` for directly, or that depend on such a value. */
export function dependents(outputs: Iterable<Value>, isSource: (node: Node) => boolean): Set<Node> {
  const reached = new Set<Node>();
  for (const node of nodesOf(outputs)) {
    if (isSource(node) || node.inputs.some((value) => reached.has(value.node))) reached.add(node);
  }
  return reached;
}

/** Consumers of every value among the nodes that the outputs need. */
export function consumers(outputs: readonly Value[]): Map<Value, Node[]> {
  const map = new Map<Value, Node[]>();
  for (const node of nodesOf(outputs)) {
    for (const value of node.inputs) {
      const list = map.get(value);
      if (list) list.push(node);
      else map.set(value, [node]);
    }
  }
  return map;
}

import { sameDims } from "./shape.ts";
import { applyAll, isConstant, type Node, type Value } from "./value.ts";
import { nodesOf } from "./walk.ts";

/** Named values of one graph. */
export type Outputs = Readonly<Record<string, Value>>;

/**
 * A rewrite rule: from a node (its inputs already rewritten) to a value that replaces its first output, or undefined
 * to leave it. `original` is the node before this pass, and `now` tells what became of any value before it in the graph.
 */
export type Rule = (node: Node, original: Node, now: (value: Value) => Value) => Value | undefined;

/** Rebuilds a graph bottom-up; the first rule that answers replaces a node. */
export function rewrite(outputs: Outputs, ...rules: readonly Rule[]): Record<string, Value> {
  const replaced = new Map<Value, Value>();
  const now = (value: Value) => replaced.get(value) ?? value;
  for (const node of nodesOf(Object.values(outputs))) {
    const inputs = node.inputs.map(now);
    const changed = inputs.some((value, i) => value !== node.inputs[i]);
    const current = changed ? applyAll(node.op, inputs, node.attributes)[0]!.node : node;
    const replacement = firstAnswer(rules, current, node, now);
    for (const [i, output] of node.outputs.entries()) {
      const value = i === 0 && replacement ? replacement : current.outputs[i]!;
      if (value !== output) replaced.set(output, value);
    }
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, now(value)]));
}

/** What the first rule that answers puts in place. @throws RangeError when the rule is wrong and changes the shape */
function firstAnswer(rules: readonly Rule[], ...[node, original, now]: Parameters<Rule>): Value | undefined {
  for (const rule of rules) {
    const value = rule(node, original, now);
    if (!value) continue;
    const { shape } = original.outputs[0]!;
    if (sameDims(value.shape, shape)) return value;
    throw new RangeError(`rewrite: ${original.op.type} of shape [${shape}] would become [${value.shape}]`);
  }
  return undefined;
}

/** Merges nodes that compute the same: same op, inputs and attributes; constants of up to 64 elements by content. */
export function deduplicate(outputs: Outputs): Record<string, Value> {
  const ids = new Map<Node, number>();
  const known = new Map<string, Node>();
  const idOf = (node: Node) => {
    if (!ids.has(node)) ids.set(node, ids.size);
    return ids.get(node)!;
  };
  return rewrite(outputs, (node) => {
    const key = keyOf(node, idOf);
    if (key === undefined) return undefined;
    const before = known.get(key);
    if (before) return before.outputs[0];
    known.set(key, node);
    return undefined;
  });
}

function keyOf(node: Node, idOf: (node: Node) => number): string | undefined {
  if (isConstant(node.outputs[0]!)) {
    const { dtype, shape, data } = node.attributes.value as {
      dtype: string;
      shape: readonly number[];
      data: ArrayLike<number>;
    };
    if (data.length > 64) return undefined;
    return `${dtype}[${shape}]${Array.from(data, (v) => (Object.is(v, -0) ? "-0" : v))}`; // 1 / −0 is not 1 / 0
  }
  if (node.outputs.length !== 1) return undefined; // later outputs would keep the old node alive
  const operands = node.inputs.map((value) => `${idOf(value.node)}.${value.index}`);
  return `${node.op.type}(${operands})${JSON.stringify(node.attributes)}`;
}

import { inputName, isConstant, isInput, type Value } from "./value.ts";
import { nodesOf } from "./walk.ts";

/** The graph as text, one node a line, for snapshots and for reading. */
export function printGraph(outputs: Readonly<Record<string, Value>>): string {
  const names = new Map<Value, string>();
  const lines: string[] = [];
  for (const node of nodesOf(Object.values(outputs))) {
    const [first] = node.outputs;
    if (isInput(first!)) names.set(first!, inputName(first!));
    else if (isConstant(first!)) names.set(first!, printConstant(first!));
    else {
      for (const output of node.outputs) names.set(output, `%${names.size}`);
      const attributes = Object.entries(node.attributes).map(([k, v]) => `${k}=${Array.isArray(v) ? `[${v}]` : v}`);
      const operands = node.inputs.map((value) => names.get(value)!);
      lines.push(
        `${names.get(first!)} [${first!.shape}] = ${node.op.type}(${[...operands, ...attributes].join(", ")})`,
      );
    }
  }
  for (const [name, value] of Object.entries(outputs)) lines.push(`return ${name} = ${names.get(value)}`);
  return lines.join("\n");
}

function printConstant(value: Value): string {
  const { data, shape } = value.node.attributes.value as { data: ArrayLike<number>; shape: readonly number[] };
  return data.length <= 6 ? `(${Array.from(data).join(",")})` : `const[${shape}]`;
}

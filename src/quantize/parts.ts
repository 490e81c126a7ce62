import { productPart } from "../beit/products.ts";
import type { InferenceGraph } from "../evaluate/inference.ts";
import { weightProducts } from "../graph/quantize.ts";
import { inputName, isInput } from "../graph/value.ts";
import { nodesOf } from "../graph/walk.ts";
import type { Part } from "./search.ts";

/** The parameter that a weight of the graph is, or was folded from. */
function parameterOf(weight: string, { prepare }: InferenceGraph): string {
  const made = prepare[weight];
  if (!made) return weight;
  const matrices = nodesOf([made]).flatMap(({ outputs: [value] }) =>
    isInput(value!) && value!.shape.length > 1 ? [inputName(value!)] : [],
  );
  return matrices.find((name) => name.endsWith(".weight")) ?? weight;
}

/** The products of a graph by the parts of the model that they belong to, in the order in which they run. */
export function partsOf(graph: InferenceGraph): Part[] {
  const parts = new Map<string, { weights: string[]; macs: number }>();
  for (const { weight, macs } of weightProducts(graph.outputs)) {
    const name = productPart(parameterOf(weight, graph));
    const part = parts.get(name) ?? { weights: [], macs: 0 };
    part.weights.push(weight);
    part.macs += macs;
    parts.set(name, part);
  }
  return [...parts].map(([name, part]) => ({ name, ...part }));
}

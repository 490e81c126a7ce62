import { type ByteRange, quantizeColumns } from "../tensor/quantize.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fusedGelu } from "./gelu.ts";
import {
  dynamicQuantizeLinear,
  matMulIntegerToFloat,
  type QuantizedMatrix,
  type QuantizedValue,
  quantizeLinear,
} from "./integer.ts";
import { type Outputs, rewrite } from "./rewrite.ts";
import { dimProduct, sameDims } from "./shape.ts";
import { constant, inputName, isInput, type Node, scalar, type Value } from "./value.ts";
import { consumers, nodesOf } from "./walk.ts";

// Quantising: products with known weights become products of bytes. The last pass over an inference graph.

/** A product of a batch value with a weight of the graph. */
export interface WeightProduct {
  readonly node: Node;
  /** The left operand, [..., in]. */
  readonly x: Value;
  /** Name of the weight. */
  readonly weight: string;
  /** Whether the weight is stored as [out, in]. */
  readonly transposed: boolean;
  /** Multiply-accumulates for one sample. */
  readonly macs: number;
}

/** The product that a node is; undefined for other nodes. */
function weightProduct(node: Node): WeightProduct | undefined {
  const [x, w] = node.inputs as [Value, Value];
  const { transA, transB, transBatchA, transBatchB, alpha = 1 } = node.attributes;
  if (node.op.type !== "MatMul" && node.op.type !== "FusedMatMul") return undefined;
  if (!isInput(w) || w.node.attributes.kind !== "parameter" || w.shape.length !== 2) return undefined;
  if (transA || transBatchA || transBatchB || alpha !== 1) return undefined;
  const macs = Math.abs(dimProduct(x.shape)) * node.outputs[0]!.shape.at(-1)!;
  return { node, x, weight: inputName(w), transposed: Boolean(transB), macs };
}

/** The products of a lowered inference graph that can be quantised, in the order in which they run. */
export const weightProducts = (outputs: Outputs): WeightProduct[] =>
  nodesOf(Object.values(outputs)).flatMap((node) => weightProduct(node) ?? []);

/** The left operand's bytes: of a known range, or of the range that every run finds by itself. */
export type ActivationRange = ByteRange | "dynamic";

/**
 * The graph with the products of bytes in place of those that `ranges` names by their weight; a bias that is added right
 * after, or within GELU, goes into the product, which adds it for nothing.
 * @param weights values of the graph's weights
 * @param ranges how the left operands are written as bytes
 */
export function quantizeProducts(
  outputs: Outputs,
  weights: ReadonlyMap<string, Tensor>,
  ranges: ReadonlyMap<string, ActivationRange>,
): Record<string, Value> {
  const users = consumers(Object.values(outputs));
  const quantized = new Map<Value, QuantizedValue>(); // queries, keys and values read the same bytes
  const products = new Map<Value, (bias: Value) => Value>();
  const bytesOf = (x: Value, range: ActivationRange) => {
    const known = quantized.get(x) ?? quantize(x, range);
    quantized.set(x, known);
    return known;
  };
  return rewrite(outputs, (node, original) => {
    const product = weightProduct(node);
    const range = product && ranges.get(product.weight);
    if (range) {
      const matrix = quantizedMatrix(weights.get(product.weight) as Tensor<"float32">, product.transposed);
      const bytes = bytesOf(product.x, range);
      const value = matMulIntegerToFloat(bytes, matrix);
      products.set(value, (bias) => matMulIntegerToFloat(bytes, matrix, bias));
      return value;
    }
    const gelu = node.op.type === "BiasGelu";
    const withBias = (gelu || node.op.type === "Add") && products.get(node.inputs[0]!);
    const bias = node.inputs[1];
    if (!withBias || !sameDims(bias!.shape, [node.outputs[0]!.shape.at(-1)!])) return undefined;
    if (users.get(original.inputs[0]!)!.length > 1) return undefined;
    return gelu ? fusedGelu(withBias(bias!)) : withBias(bias!);
  });
}

function quantize(x: Value, range: ActivationRange): QuantizedValue {
  if (range === "dynamic") return dynamicQuantizeLinear(x);
  const zero = constant({ dtype: "uint8", shape: [], data: Uint8Array.of(range.zero) });
  return quantizeLinear(x, scalar(range.scale), zero);
}

function quantizedMatrix(weight: Tensor<"float32">, transposed: boolean): QuantizedMatrix {
  const { bytes, scales } = quantizeColumns(weight, transposed);
  const zeros = constant({ dtype: "int8", shape: scales.shape, data: new Int8Array(scales.data.length) });
  return { bytes: constant(bytes), scales: constant(scales), zeros };
}

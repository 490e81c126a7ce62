import { add, erf, mul, relu, sigmoid, tanh } from "../graph/elementwise.ts";
import { matMul, matrixTranspose } from "../graph/matmul.ts";
import { layerNormalization } from "../graph/normalize.ts";
import { scalar, type Value } from "../graph/value.ts";
import type { Scope } from "./scope.ts";

/** y = x Wᵀ + b with W [out, in], as checkpoints keep it. x [..., in] → [..., out]. */
export function linear(scope: Scope, x: Value, outputs: number, options: { bias?: boolean } = {}): Value {
  const weight = scope.parameter("weight", [outputs, x.shape.at(-1)!]);
  const y = matMul(x, matrixTranspose(weight));
  return options.bias === false ? y : add(y, scope.parameter("bias", [outputs]));
}

/** LayerNorm over the last axis. */
export function layerNorm(scope: Scope, x: Value, epsilon: number): Value {
  const width = [x.shape.at(-1)!];
  return layerNormalization(x, scope.parameter("weight", width), scope.parameter("bias", width), epsilon);
}

/** x times noise where a training step supplies it (dropout, drop-path). */
export const withNoise = (x: Value, noise: Value | undefined): Value => (noise ? mul(x, noise) : x);

/**
 * Exact GELU, x Φ(x), written over u = x/√2 as u (1 + erf u) / √2: both constants then lie beside the matrices before
 * and after, where the folding pass takes them up.
 */
export function gelu(x: Value): Value {
  const u = mul(x, scalar(Math.SQRT1_2));
  return mul(mul(u, add(erf(u), scalar(1))), scalar(Math.SQRT1_2));
}

/** GELU by tanh: ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))). */
export function geluTanh(x: Value): Value {
  const inner = mul(add(x, mul(mul(mul(x, x), x), scalar(0.044715))), scalar(Math.sqrt(2 / Math.PI)));
  return mul(mul(x, add(tanh(inner), scalar(1))), scalar(0.5));
}

/** Activations by their names in `config.json`. @see transformers ACT2FN */
export const activations: Readonly<Record<string, (x: Value) => Value>> = {
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  relu,
  silu: (x) => mul(x, sigmoid(x)),
  swish: (x) => mul(x, sigmoid(x)),
  tanh,
  sigmoid,
  quick_gelu: (x) => mul(x, sigmoid(mul(x, scalar(1.702)))),
};

import { float32 } from "../tensor/tensor.ts";
import { exp, mul, sub } from "./elementwise.ts";
import { reduceMean, reduceSum, unbroadcast } from "./reduce.ts";
import { apply, applyAll, constant, type Op, scalarOf, type Value } from "./value.ts";

/**
 * y = x̂ γ + β with x̂ = (x − μ) / √(σ² + ε) over the last axis. With ĝ = g γ:
 *   dx = (ĝ − mean(ĝ) − x̂ mean(ĝ x̂)) / σ,  dγ = Σ g x̂,  dβ = Σ g.
 * When γ is the constant 1 and β the constant 0, y is x̂ itself. The attribute `centred` (ours, not written to ONNX)
 * promises that the gradients which arrive have zero mean, as they do when every consumer multiplies by a matrix whose
 * columns have zero mean: then mean(ĝ) is left out.
 */
const layerNormalizationOp: Op = {
  type: "LayerNormalization",
  floats: ["epsilon"],
  infer: ([x]) => {
    const rows = [...x!.shape.slice(0, -1), 1];
    return [
      { dtype: x!.dtype, shape: x!.shape },
      { dtype: x!.dtype, shape: rows },
      { dtype: x!.dtype, shape: rows },
    ];
  },
  gradient: (g, node) => {
    const [x, gamma, beta] = node.inputs as [Value, Value, Value];
    const [y, mean, inverseDeviation] = node.outputs as [Value, Value, Value];
    const plain = isPlain(gamma, beta);
    const normalized = plain ? y : mul(sub(x, mean), inverseDeviation);
    const gHat = plain ? g : mul(g, gamma);
    const along = mul(normalized, reduceMean(mul(gHat, normalized), [-1], true));
    const centred = node.attributes.centred ? gHat : sub(gHat, reduceMean(gHat, [-1], true));
    const dx = mul(sub(centred, along), inverseDeviation);
    if (plain) return [dx];
    return [dx, unbroadcast(mul(g, normalized), gamma.shape), unbroadcast(g, beta.shape)];
  },
};

/** True for LayerNorm without affine part: a scale of ones and a shift of zeros known when the graph is built. */
const isPlain = (gamma: Value, beta: Value) =>
  gamma.shape[0] === beta.shape[0] && filledWith(gamma, 1) && filledWith(beta, 0);

function filledWith(value: Value, number: number): boolean {
  if (value.node.op.type !== "Constant") return false;
  if (scalarOf(value) === number) return true;
  const { data } = value.node.attributes.value as { data: ArrayLike<number> };
  return Array.prototype.every.call(data, (v) => v === number);
}

const softmaxOp: Op = {
  type: "Softmax",
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  // dx = y (g − Σ g y)
  gradient: (g, { outputs: [y] }) => [mul(y!, sub(g, reduceSum(mul(g, y!), [-1], true)))],
};

const logSoftmaxOp: Op = {
  type: "LogSoftmax",
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  // dx = g − softmax(x) Σ g
  gradient: (g, { outputs: [y] }) => [sub(g, mul(exp(y!), reduceSum(g, [-1], true)))],
};

/** LayerNorm over the last axis with scale γ and shift β, both [D]. */
export function layerNormalization(x: Value, gamma: Value, beta: Value, epsilon: number): Value {
  return applyAll(layerNormalizationOp, [x, gamma, beta], { axis: -1, epsilon })[0]!;
}

/** LayerNorm without affine part; `centred` as explained at the op. */
export function standardize(x: Value, epsilon: number, centred = false): Value {
  const width = x.shape.at(-1)!;
  const ones = constant(float32(new Float32Array(width).fill(1), [width]));
  const none = constant(float32(new Float32Array(width), [width]));
  return applyAll(layerNormalizationOp, [x, ones, none], { axis: -1, epsilon, ...(centred ? { centred: 1 } : {}) })[0]!;
}

/** True when the value is a LayerNorm without affine part. */
export const isStandardize = (value: Value): boolean =>
  value.node.op === layerNormalizationOp && value.index === 0 && isPlain(value.node.inputs[1]!, value.node.inputs[2]!);

/** Softmax over the last axis. */
export const softmax = (x: Value): Value => apply(softmaxOp, [x], { axis: -1 });

/** log softmax over the last axis. */
export const logSoftmax = (x: Value): Value => apply(logSoftmaxOp, [x], { axis: -1 });

/** The ops of this file. */
export const normalizeOps = {
  LayerNormalization: layerNormalizationOp,
  Softmax: softmaxOp,
  LogSoftmax: logSoftmaxOp,
} as const;

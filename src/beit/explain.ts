import { add, mul, relu } from "../graph/elementwise.ts";
import { gradients } from "../graph/gradient.ts";
import { reshape, slice } from "../graph/layout.ts";
import { matMul } from "../graph/matmul.ts";
import { reduceMean, reduceSum } from "../graph/reduce.ts";
import { constant, scalar, type Value } from "../graph/value.ts";
import { batchInput, createScope, createTrace, type Trace } from "../nn/scope.ts";
import { float32 } from "../tensor/tensor.ts";
import { type BeitConfig, windowOf } from "./config.ts";
import { classify } from "./model.ts";

/** How the patches that a model looked at are told. */
export const explanationMethods = ["gradient", "rollout"] as const;
/**
 * `"gradient"`: attention weighted by the gradient of a class's logit, so that it speaks of that class (Chefer et al.
 * 2021). `"rollout"`: attention alone, followed through the layers (Abnar & Zuidema 2020).
 */
export type ExplanationMethod = (typeof explanationMethods)[number];

/** A traced explanation of one picture. */
export interface ExplanationGraph {
  readonly trace: Trace;
  /** `logits` [1, K] and `heat` [rows, columns], 0 and above. Reads `pixel_values` and, with gradients, `class` [1, K]. */
  readonly outputs: { readonly logits: Value; readonly heat: Value };
}

/** Layers' attention [1, h, N, N] as one matrix [N, N] each, the mean over heads of what `weigh` makes of it. */
const overHeads = (attention: Value, weigh: (attention: Value) => Value): Value => {
  const N = attention.shape[3]!;
  return reshape(reduceMean(weigh(attention), [1], false), [N, N]);
};

const identity = (N: number, factor = 1): Value =>
  constant(
    float32(
      Float32Array.from({ length: N * N }, (_, i) => (i % (N + 1) === 0 ? factor : 0)),
      [N, N],
    ),
  );

/**
 * Product over the layers of ½(A + I), A the mean of the heads: half of a token stays itself in each residual sum.
 * @see Abnar & Zuidema 2020, "Quantifying attention flow in transformers", section 3
 */
function rollout(attentions: readonly Value[]): Value {
  const N = attentions[0]!.shape[3]!;
  const halves = attentions.map((attention) =>
    add(
      mul(
        overHeads(attention, (a) => a),
        scalar(0.5),
      ),
      identity(N, 0.5),
    ),
  );
  return halves.reduce((below, layer) => matMul(layer, below));
}

/**
 * R ← R + Ā R over the layers from R = I, Ā the mean of the heads of (∇A ⊙ A)⁺; without the I in the end.
 * @see Chefer, Gur, Wolf 2021, "Generic attention-model explainability", equations 5 and 6
 */
function relevance(attentions: readonly Value[], score: Value): Value {
  const N = attentions[0]!.shape[3]!;
  const found = gradients([{ value: score, seed: scalar(1) }], attentions);
  const layers = attentions.map((attention, i) => overHeads(attention, (a) => relu(mul(a, found[i]!))));
  const all = layers.reduce((below, layer) => add(below, matMul(layer, below)), identity(N));
  return add(all, identity(N, -1));
}

/** Names under which {@link traceAttended} gives the attentions. */
const attentionName = (layer: number): string => `attentions.${layer}`;

/** Traces a classifier of one picture with its attentions: `logits` and `attentions.i`. */
export function traceAttended(config: BeitConfig): { readonly trace: Trace; readonly outputs: Record<string, Value> } {
  const trace = createTrace();
  const pixels = batchInput(trace, "pixel_values", [1, config.numChannels, ...config.imageSize]);
  const { logits, taps } = classify(createScope(trace), config, pixels);
  const names = Array.from({ length: config.numLayers }, (_, i) => attentionName(i));
  return { trace, outputs: { logits, ...Object.fromEntries(names.map((name) => [name, taps[name]!])) } };
}

/**
 * What the patches have to do with a class: heat [rows, columns], 0 and above. [CLS]'s row where it pools by [CLS], else
 * the mean of the patches' rows.
 * @param outputs of {@link traceAttended}; if folded, without the rule "attention", which takes the value bias out of the
 * sum over keys and so changes the gradient of the attentions
 * @param oneHot [1, K], the class to explain; only gradients need it
 */
export function heatOf(
  config: BeitConfig,
  outputs: Readonly<Record<string, Value>>,
  method: ExplanationMethod,
  oneHot: () => Value,
): Value {
  const attentions = Array.from({ length: config.numLayers }, (_, i) => outputs[attentionName(i)]!);
  const score = () => reduceSum(mul(outputs.logits!, oneHot()), [0, 1], false);
  const flow = method === "rollout" ? rollout(attentions) : relevance(attentions, score());
  const [rows, columns] = windowOf(config);
  const N = rows * columns + 1;
  const seen = config.useMeanPooling ? reduceMean(slice(flow, 0, 1, N), [0], true) : slice(flow, 0, 0, 1);
  return reshape(slice(seen, 1, 1, N), [rows, columns]);
}

/** Traces a classifier with what it attends to. */
export function traceExplanation(config: BeitConfig, method: ExplanationMethod): ExplanationGraph {
  const { trace, outputs } = traceAttended(config);
  const heat = heatOf(config, outputs, method, () => batchInput(trace, "class", [1, config.labels.length]));
  return { trace, outputs: { logits: outputs.logits!, heat } };
}

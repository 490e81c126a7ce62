import { gradients } from "../graph/gradient.ts";
import { reshape } from "../graph/layout.ts";
import { logSoftmax } from "../graph/normalize.ts";
import { constant, scalar, type Value } from "../graph/value.ts";
import { binaryCrossEntropy, crossEntropy, meanSquaredError } from "../nn/loss.ts";
import { batchInput, createScope, createTrace, type Trace } from "../nn/scope.ts";
import { zeros } from "../tensor/tensor.ts";
import { type BeitConfig, type Task, windowOf } from "./config.ts";
import { classify, extract, predictVisualTokens } from "./model.ts";

/** A traced model: what it needs and what it can give, by name. */
export interface TracedModel {
  readonly trace: Trace;
  readonly outputs: Readonly<Record<string, Value>>;
}

/** What the caller brings. */
export interface ForwardRequest {
  readonly batch: number;
  readonly imageSize?: readonly [number, number];
  /** Labels of the batch: class indices (int64), or float targets for regression and multi-label problems. */
  readonly labels?: "indices" | "targets";
  /** How many patches are masked in the whole batch; undefined when no mask is given. */
  readonly maskedCount?: number;
}

/** Loss as Hugging Face chooses it: by `problem_type`, else by the number and kind of labels. */
function classificationLoss(trace: Trace, config: BeitConfig, logits: Value, kind: "indices" | "targets"): Value {
  const [batch, classes] = logits.shape as [number, number];
  if (kind === "indices" && classes > 1) return crossEntropy(logits, batchInput(trace, "labels", [batch], "int64"));
  const shape = classes === 1 ? [batch] : [batch, classes];
  const targets = reshape(batchInput(trace, "labels", shape), [batch, classes]);
  const regression = config.problemType ? config.problemType === "regression" : classes === 1;
  return regression ? meanSquaredError(logits, targets) : binaryCrossEntropy(logits, targets);
}

/**
 * Every output that a model of this task can name: `logits`, `loss`, `masked_logits`, `pooled_output`,
 * `last_hidden_state`, `hidden_states.i`, `attentions.i`, `probe_features.i` ([CLS] beside the mean of the patches), and
 * `grad.*` of the loss for every parameter (zero where it does not depend on it).
 */
export function traceOutputs(config: BeitConfig, task: Task, request: ForwardRequest): TracedModel {
  const trace = createTrace();
  const scope = createScope(trace);
  const imageSize = request.imageSize ?? config.imageSize;
  const pixels = batchInput(trace, "pixel_values", [request.batch, config.numChannels, ...imageSize]);
  const outputs: Record<string, Value> = {};
  if (task === "masked-image-modelling") {
    const [rows, columns] = windowOf(config, imageSize);
    const mask = config.useMaskToken
      ? batchInput(trace, "bool_masked_pos", [request.batch, rows * columns])
      : undefined;
    const picked = request.maskedCount ? batchInput(trace, "masked_rows", [request.maskedCount], "int64") : undefined;
    const { logits, maskedLogits, taps } = predictVisualTokens(scope, config, pixels, mask, picked);
    Object.assign(outputs, { logits }, maskedLogits ? { masked_logits: maskedLogits } : {}, taps);
    if (request.labels && maskedLogits) {
      outputs.loss = crossEntropy(maskedLogits, batchInput(trace, "labels", [request.maskedCount!], "int64"));
    }
  } else if (task === "classification") {
    const { logits, taps } = classify(scope, config, pixels);
    Object.assign(outputs, { logits, log_probs: logSoftmax(logits) }, taps);
    if (request.labels) outputs.loss = classificationLoss(trace, config, logits, request.labels);
  } else {
    Object.assign(outputs, extract(scope, config, pixels).taps);
  }
  if (outputs.loss) {
    const loss = outputs.loss;
    outputs.loss = reshape(loss, [1]);
    const parameters = [...trace.parameters];
    const found = gradients(
      [{ value: loss, seed: scalar(1) }],
      parameters.map(([, value]) => value),
    );
    for (const [i, [name, value]] of parameters.entries())
      outputs[`grad.${name}`] = found[i] ?? constant(zeros(value.shape));
  }
  return { trace, outputs };
}

import type { BeitConfig } from "../beit/config.ts";
import { classify } from "../beit/model.ts";
import { inferenceGraphs } from "../graph/training.ts";
import type { Value } from "../graph/value.ts";
import { batchInput, createScope, createTrace } from "../nn/scope.ts";
import { encodeModel } from "../onnx/encode.ts";
import { toModel } from "../onnx/model.ts";
import type { ModelProto } from "../onnx/schema.ts";
import { evaluate } from "../session/session.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** A configuration and its parameters. */
interface WeightedModel {
  readonly config: BeitConfig;
  readonly parameters: ReadonlyMap<string, Tensor>;
}

/** A classifier's graph for inference. */
export interface InferenceGraph {
  /** `logits` [batch, K] from `pixel_values` [batch, C, H, W] and the weights. */
  readonly outputs: Record<string, Value>;
  /** Values of the weights, by the names of their inputs. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** How folding made those weights that are not parameters as they are, by the same names. */
  readonly prepare: Record<string, Value>;
}

/** Traces a classifier for any batch size, folds and lowers it, and computes its weights. */
export async function inferenceGraph(
  { config, parameters }: WeightedModel,
  options: { readonly portable?: boolean } = {},
): Promise<InferenceGraph> {
  const trace = createTrace();
  const pixels = batchInput(trace, "pixel_values", [-1, config.numChannels, ...config.imageSize]);
  const { logits } = classify(createScope(trace), config, pixels);
  const { prepare, forward } = inferenceGraphs({ logits }, options);
  const used = new Map([...parameters].filter(([name]) => trace.parameters.has(name)));
  const prepared = await evaluate(prepare, Object.fromEntries(used));
  return { outputs: forward, weights: new Map([...used, ...Object.entries(prepared)]), prepare };
}

/**
 * The classifier as an ONNX model: `pixel_values` [batch, C, H, W] → `logits` [batch, K], folded, weights inside.
 * `portable` keeps to the standard operators, which every ONNX runtime has.
 */
export async function inferenceModel(
  classifier: WeightedModel,
  options: { readonly portable?: boolean } = {},
): Promise<ModelProto> {
  const { outputs, weights } = await inferenceGraph(classifier, options);
  return toModel(outputs, { name: "beit", weights });
}

/** {@link inferenceModel} as bytes, with all operators that the engine has. */
export const inferenceBytes = async (classifier: WeightedModel): Promise<Uint8Array> =>
  encodeModel(await inferenceModel(classifier));
